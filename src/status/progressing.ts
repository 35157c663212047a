import type { Verdict } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";
import { type NodeState, nodeStates } from "./nodes.ts";

/** Progressing: nodes are on their way to what the resource asks for. */
export function progressing(observation: FederationObservation): Verdict {
	if (!observation.intent) return no("NotAccepted", "Nothing changes now; see the conditions Accepted and Degraded.");
	const states = nodeStates(observation);
	const list = (wanted: readonly NodeState["state"][]) =>
		states
			.filter(({ state }) => wanted.includes(state))
			.map(({ name, state, message }) => `${name} ${state}${message ? ` (${message})` : ""}`)
			.join(", ");
	const moving = list(["Restarting", "Pending"]);
	const held = observation.plan.waiting[0]?.reason;
	if (
		(held === "Paused" || held === "WouldLeaveNoEnabledNode") &&
		!states.some(({ state }) => state === "Restarting")
	) {
		return no(held, `${list(["Pending", "Blocked"])}.`);
	}
	if (moving !== "") return { status: "True", reason: "RollingOut", message: `${moving}.` };
	const blocked = list(["Blocked"]);
	if (blocked !== "") return no("Blocked", `${blocked}.`);
	const { dialbackWaitsFor } = observation;
	if (dialbackWaitsFor.length > 0) {
		const message =
			"A new dialback secret is made known to every node before one uses it. It is waited for " +
			`${dialbackWaitsFor.length === 1 ? "node" : "nodes"} ${dialbackWaitsFor.join(", ")}.`;
		return { status: "True", reason: "DialbackRotation", message };
	}
	return no("Complete", "Every node runs what the resource asks for.");
}

function no(reason: string, message: string): Verdict {
	return { status: "False", reason, message };
}
