import { describeProblems } from "../model/problem.ts";
import { type Reasons, type Verdict, verdicts } from "./condition.ts";
import type { PolicyObservation } from "./policy-observation.ts";

/** Those of problems besides. */
export const policyAcceptedReasons = {
	Accepted: "True",
	FederationNotFound: "False",
	Conflicted: "False",
} as const satisfies Reasons;

const verdict = verdicts(policyAcceptedReasons);

/** Accepted: the policy is valid and the one in force. While a broken one is the oldest, the last good one holds. */
export function policyAccepted({ standing, federation }: PolicyObservation): Verdict {
	if (standing.kind === "FederationNotFound") {
		const message = `There is no XmppFederation ${federation} in this namespace. Create it, or delete this policy.`;
		return verdict(standing.kind, message);
	}
	if (standing.kind === "Conflicted") {
		const message =
			`FederationPolicy ${standing.inForce} is in force for XmppFederation ${federation}: it is ${standing.why}. ` +
			"A federation has one policy: delete one of them, or put both into one.";
		return verdict(standing.kind, message);
	}
	const [problem] = standing.problems;
	if (!problem) return verdict("Accepted", "The policy is valid and in force.");
	const { intent } = standing.effective ?? {};
	const deniesAll = intent?.default === "Deny" && intent.exceptions === 0 && intent.enforcement === "Enforce";
	const meanwhile = deniesAll
		? "Everything is denied until that is mended."
		: "What was in force before stays until that is mended.";
	return { status: "False", reason: problem.reason, message: `${describeProblems(standing.problems)} ${meanwhile}` };
}
