import type { z } from "zod";

/**
 * One thing that a value must fulfil, written twice: for the API server (CEL) and for zod. Both say the same message, so
 * a user reads the same sentence from `kubectl apply` and from the operator.
 */
export interface Rule<Value> {
	/** CEL over `self`; in a transition rule also over `oldSelf`. */
	readonly cel: string;
	/** The same in TypeScript. Absent in a transition rule only: zod sees one value, never the one before it. */
	readonly holds?: (value: Value) => boolean;
	/** Names what is wrong and what would be right. One line. */
	readonly message: string;
	/** The field below the value that the error is shown at, such as "published" or "service.loadBalancerClass". */
	readonly field?: string;
}

/** The keyword of a structural schema that holds CEL rules. */
export const celKeyword = "x-kubernetes-validations";

/** The schema with rules that zod checks and that the generated custom resource definition carries as CEL. */
export function ruled<Schema extends z.ZodType>(schema: Schema, ...rules: readonly Rule<z.output<Schema>>[]): Schema {
	let checked = schema;
	for (const { holds, message, field } of rules) {
		if (holds !== undefined) checked = checked.refine(holds, { message, path: field?.split(".") ?? [] });
	}
	const earlier = schema.meta()?.[celKeyword];
	return checked.meta({
		[celKeyword]: [
			...(Array.isArray(earlier) ? earlier : []),
			...rules.map(({ cel, message, field }) => ({
				rule: cel,
				message,
				...(field === undefined ? {} : { fieldPath: `.${field}` }),
			})),
		],
	});
}

/**
 * A rule that a text matches a regular expression. The pattern must be read the same by RE2 (no look-around, no
 * back-reference) and by JavaScript (with the flag u: both go by code points), and start with ^ and end with $.
 */
export function matching(pattern: string, message: string): Rule<string> {
	const expression = new RegExp(pattern, "u");
	return { cel: `self.matches(${celString(pattern)})`, holds: (value) => expression.test(value), message };
}

/** A CEL string literal: what JSON escapes, CEL escapes the same way. */
export function celString(text: string): string {
	return JSON.stringify(text);
}
