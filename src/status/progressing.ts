import type { Verdict } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";
import { nodeStates } from "./nodes.ts";

/** Progressing: nodes are on their way to what the resource asks for. */
export function progressing(observation: FederationObservation): Verdict {
	if (!observation.intent)
		return { status: "False", reason: "NotAccepted", message: "Nothing changes while the resource is not accepted." };
	const moving = nodeStates(observation).filter(({ state }) => state === "Restarting" || state === "Pending");
	if (moving.length === 0)
		return { status: "False", reason: "Complete", message: "Every node runs what the resource asks for." };
	const list = moving.map(({ name, state, message }) => `${name} ${state}${message ? ` (${message})` : ""}`).join(", ");
	return { status: "True", reason: "RollingOut", message: `${list}.` };
}
