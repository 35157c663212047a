import type { FederationIntent } from "../model/intent.ts";
import { type Reasons, type Verdict, verdicts } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";
import { type NodeState, nodeStates } from "./nodes.ts";

export const progressingReasons = {
	RollingOut: "True",
	DialbackRotation: "True",
	Complete: "False",
	Paused: "False",
	WouldLeaveNoEnabledNode: "False",
	Blocked: "False",
	NotAccepted: "False",
} as const satisfies Reasons;

const verdict = verdicts(progressingReasons);

/** Progressing: nodes are on their way to what the resource asks for. */
export function progressing(observation: FederationObservation): Verdict {
	if (!observation.intent)
		return verdict("NotAccepted", "Nothing changes now; see the conditions Accepted and Degraded.");
	const states = nodeStates(observation);
	const list = (wanted: readonly NodeState["state"][]) =>
		states
			.filter(({ state }) => wanted.includes(state))
			.map(({ name, state, message }) => `${name} ${state}${message ? ` (${message})` : ""}`)
			.join(", ");
	const moving = list(["Restarting", "Applying", "Pending"]);
	const held = observation.plan.waiting[0]?.reason;
	if (
		(held === "Paused" || held === "WouldLeaveNoEnabledNode") &&
		!states.some(({ state }) => state === "Restarting" || state === "Applying")
	) {
		return verdict(held, `${list(["Pending", "Blocked"])}.`);
	}
	if (moving !== "") return verdict("RollingOut", `${moving}.`);
	const blocked = list(["Blocked"]);
	if (blocked !== "") return verdict("Blocked", `${blocked}.`);
	const { dialbackWaitsFor } = observation;
	if (dialbackWaitsFor.length > 0) {
		const message =
			"A new dialback secret is made known to every node before one uses it. It is waited for " +
			`${dialbackWaitsFor.length === 1 ? "node" : "nodes"} ${dialbackWaitsFor.join(", ")}.`;
		return verdict("DialbackRotation", message);
	}
	return verdict("Complete", `Every node runs what the resource asks for.${newerImage(observation.intent)}`);
}

/** Nothing is wrong with nodes that keep the image of an earlier operator. */
function newerImage({ imageFrom, operatorImage, nodes }: FederationIntent): string {
	const behind = nodes.filter(({ image }) => image !== operatorImage).map(({ name }) => name);
	if (imageFrom === "Spec" || behind.length === 0) return "";
	return (
		` The operator has another gateway image, ${operatorImage}: ${behind.join(", ")} will take it with the next ` +
		"restart, or at once with spec.rollout.imageUpdates: Automatic."
	);
}
