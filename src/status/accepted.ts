import { describeProblems } from "../model/problem.ts";
import { type Reasons, type Verdict, verdicts } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";

/** Those of problems besides. */
export const acceptedReasons = { Accepted: "True", AcceptedWithWarnings: "True" } as const satisfies Reasons;

const verdict = verdicts(acceptedReasons);

/** Accepted: the resource and all that it refers to make sense. While it is False the last good configuration stays. */
export function accepted({ problems, warnings }: FederationObservation): Verdict {
	const [first] = problems;
	if (!first) {
		const message = "The resource is valid and all its references are there.";
		if (warnings.length === 0) return verdict("Accepted", message);
		return verdict("AcceptedWithWarnings", `${message} But ${describeProblems(warnings)}.`);
	}
	return {
		status: "False",
		reason: first.reason,
		message: `${describeProblems(problems)} Nothing is changed until that is mended.`,
	};
}
