import { type Decision, type Direction, opposite, type PolicyRules } from "./rules.ts";

/** Why a policy decides so about a direction, in words without a full stop. */
export function explainDecision({ by }: Decision, direction: Direction, rules: PolicyRules): string {
	if (!by) return `default ${rules.default}: no exception names it`;
	const exception = `${by.pattern} in ${by.exception.source}`;
	if (by.exception.directions.has(direction)) {
		return `exception ${exception}: ${opposite(rules.default)}`;
	}
	const [other] = by.exception.directions;
	return `default ${rules.default}: the most specific exception, ${exception}, is about ${other} only`;
}
