import { describeProblems } from "../model/problem.ts";
import type { Verdict } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";

/** Accepted: the resource and all that it refers to make sense. While it is False the last good configuration stays. */
export function accepted({ problems, warnings }: FederationObservation): Verdict {
	const [first] = problems;
	if (!first) {
		const message = "The resource is valid and all its references are there.";
		if (warnings.length === 0) return { status: "True", reason: "Accepted", message };
		return { status: "True", reason: "AcceptedWithWarnings", message: `${message} But ${describeProblems(warnings)}.` };
	}
	return {
		status: "False",
		reason: first.reason,
		message: `${describeProblems(problems)} Nothing is changed until that is mended.`,
	};
}
