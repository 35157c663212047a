import type { FederationPolicyStatus } from "../api/federation-policy.ts";
import { policyDigest } from "../model/policy/compile.ts";
import { condition } from "./condition.ts";
import { policyAccepted } from "./policy-accepted.ts";
import type { PolicyObservation } from "./policy-observation.ts";
import { policyProgrammed } from "./policy-programmed.ts";

/** The whole status of a FederationPolicy. Equal observations give equal statuses: no time of its own is in it. */
export function policyStatus(
	observation: PolicyObservation,
	previous: FederationPolicyStatus,
	now: Date,
): FederationPolicyStatus {
	const { generation, standing } = observation;
	const before = previous.conditions ?? [];
	const isGood = standing.kind === "InForce" && standing.problems.length === 0;
	const effective = isGood ? standing.effective : undefined;
	const nodes = isGood ? standing.nodes : undefined;
	return {
		observedGeneration: generation,
		conditions: [
			condition("Accepted", policyAccepted(observation), generation, before, now),
			condition("Programmed", policyProgrammed(observation), generation, before, now),
		],
		...(effective && { exceptions: effective.intent.exceptions, digest: policyDigest(effective.intent) }),
		...(nodes && {
			programmedNodes: nodes.filter(({ state }) => state === "Enforcing").length,
			nodes: nodes.length,
		}),
	};
}
