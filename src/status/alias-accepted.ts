import { describeProblems } from "../model/problem.ts";
import type { AliasObservation } from "./alias-observation.ts";
import { type Reasons, type Verdict, verdicts } from "./condition.ts";

/** Those of problems besides. */
export const aliasAcceptedReasons = {
	Accepted: "True",
	AcceptedWithWarnings: "True",
	FederationNotFound: "False",
} as const satisfies Reasons;

const verdict = verdicts(aliasAcceptedReasons);

/** Accepted: the alias is valid, no other has it, and its chat node is there. While it is False no node serves it. */
export function aliasAccepted({ standing, federation }: AliasObservation): Verdict {
	if (standing.kind === "FederationNotFound") {
		const message = `There is no XmppFederation ${federation} in this namespace. Create it, or delete this alias.`;
		return verdict(standing.kind, message);
	}
	if (standing.kind === "Refused") {
		const message = `${describeProblems(standing.problems)} Until that is mended the alias is not served.`;
		return { status: "False", reason: standing.problems[0]?.reason ?? "InvalidSpec", message };
	}
	const message = "The alias is valid and served.";
	const { warnings } = standing;
	if (warnings.length === 0) return verdict("Accepted", message);
	return verdict("AcceptedWithWarnings", `${message} But ${describeProblems(warnings)}.`);
}
