import { describeProblems } from "../model/problem.ts";
import type { Verdict } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";

/** Accepted: the resource and all that it refers to make sense. While it is False the last good configuration stays. */
export function accepted({ problems }: FederationObservation): Verdict {
	const [first] = problems;
	if (!first)
		return { status: "True", reason: "Accepted", message: "The resource is valid and all its references are there." };
	return {
		status: "False",
		reason: first.reason,
		message: `${describeProblems(problems)} Nothing is changed until that is mended.`,
	};
}
