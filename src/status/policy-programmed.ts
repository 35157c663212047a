import { type Reasons, type Verdict, verdicts } from "./condition.ts";
import type { PolicyObservation } from "./policy-observation.ts";

export const policyProgrammedReasons = {
	Programmed: "True",
	NodesPending: "False",
	Paused: "False",
	NotReported: "Unknown",
	NotAccepted: "False",
	FederationNotAccepted: "False",
} as const satisfies Reasons;

const verdict = verdicts(policyProgrammedReasons);

/** Programmed: every node enforces the policy, by what the gateways themselves say. */
export function policyProgrammed({ standing, federation }: PolicyObservation): Verdict {
	if (standing.kind !== "InForce" || standing.problems.length > 0) {
		return verdict("NotAccepted", "The policy is not accepted; see the condition Accepted.");
	}
	const { nodes } = standing;
	if (!nodes) {
		return verdict(
			"FederationNotAccepted",
			`XmppFederation ${federation} is not accepted: see its condition Accepted.`,
		);
	}
	const pending = nodes.filter(({ state }) => state === "Pending" || state === "Paused");
	if (pending.length > 0) {
		const names = pending.map(({ name, failure }) => withReason(name, failure)).join(", ");
		if (pending.every(({ state }) => state === "Paused")) {
			return verdict("Paused", `Not yet on ${names}: roll-outs of XmppFederation ${federation} are paused.`);
		}
		return verdict("NodesPending", `Not yet on ${names}; see the nodes of XmppFederation ${federation}.`);
	}
	const unknown = nodes.filter(({ state }) => state === "Unknown").map(({ name }) => name);
	if (unknown.length > 0) {
		const message =
			`The federation connection manager of ${unknown.join(", ")} has not told the operator what it enforces: it cannot be ` +
			"asked, or its image is too old to say so.";
		return verdict("NotReported", message);
	}
	return verdict("Programmed", `All ${nodes.length} nodes enforce it.`);
}

function withReason(name: string, failure: string | undefined): string {
	return failure === undefined ? name : `${name} (${failure})`;
}
