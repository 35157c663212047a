import type { Verdict } from "./condition.ts";
import type { PolicyNode, PolicyObservation } from "./policy-observation.ts";

/** Programmed: every node enforces the policy, by what the gateways themselves report. */
export function policyProgrammed({ standing, federation }: PolicyObservation): Verdict {
	if (standing.kind !== "InForce" || standing.problems.length > 0) {
		return no("NotAccepted", "The policy is not accepted; see the condition Accepted.");
	}
	const { nodes } = standing;
	if (!nodes) {
		return no("FederationNotAccepted", `XmppFederation ${federation} is not accepted: see its condition Accepted.`);
	}
	const pending = namesOf(nodes, "Pending");
	if (pending !== "")
		return no("NodesPending", `Not yet on ${pending}; see the nodes of XmppFederation ${federation}.`);
	const unknown = namesOf(nodes, "Unknown");
	if (unknown !== "") {
		return { status: "Unknown", reason: "NotReported", message: `The gateways of ${unknown} could not be asked.` };
	}
	return { status: "True", reason: "Programmed", message: `All ${nodes.length} nodes enforce it.` };
}

function namesOf(nodes: readonly PolicyNode[], state: PolicyNode["state"]): string {
	return nodes
		.filter((node) => node.state === state)
		.map(({ name }) => name)
		.join(", ");
}

function no(reason: string, message: string): Verdict {
	return { status: "False", reason, message };
}
