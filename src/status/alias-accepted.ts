import { describeProblems } from "../model/problem.ts";
import type { AliasObservation } from "./alias-observation.ts";
import type { Verdict } from "./condition.ts";

/** Accepted: the alias is valid, no other has it, and its chat node is there. While it is False no node serves it. */
export function aliasAccepted({ standing, federation }: AliasObservation): Verdict {
	if (standing.kind === "FederationNotFound") {
		const message = `There is no XmppFederation ${federation} in this namespace. Create it, or delete this alias.`;
		return { status: "False", reason: standing.kind, message };
	}
	if (standing.kind === "Refused") {
		const message = `${describeProblems(standing.problems)} Until that is mended the alias is not served.`;
		return { status: "False", reason: standing.problems[0]?.reason ?? "InvalidSpec", message };
	}
	const message = "The alias is valid and served.";
	const { warnings } = standing;
	if (warnings.length === 0) return { status: "True", reason: "Accepted", message };
	return { status: "True", reason: "AcceptedWithWarnings", message: `${message} But ${describeProblems(warnings)}.` };
}
