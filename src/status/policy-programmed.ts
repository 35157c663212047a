import type { Verdict } from "./condition.ts";
import type { PolicyObservation } from "./policy-observation.ts";

/** Programmed: every node is ready and runs the revision that has the policy, which it reads before it serves anybody. */
export function policyProgrammed({ standing, federation }: PolicyObservation): Verdict {
	if (standing.kind !== "InForce" || standing.problems.length > 0) {
		return no("NotAccepted", "The policy is not accepted; see the condition Accepted.");
	}
	const { nodes } = standing;
	if (!nodes) {
		return no("FederationNotAccepted", `XmppFederation ${federation} is not accepted: see its condition Accepted.`);
	}
	const pending = nodes
		.filter(({ state }) => state === "Pending")
		.map(({ name }) => name)
		.join(", ");
	if (pending !== "")
		return no("NodesPending", `Not yet on ${pending}; see the nodes of XmppFederation ${federation}.`);
	return { status: "True", reason: "Programmed", message: `All ${nodes.length} nodes enforce it.` };
}

function no(reason: string, message: string): Verdict {
	return { status: "False", reason, message };
}
