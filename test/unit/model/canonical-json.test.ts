import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../../src/model/canonical-json.ts";

describe("canonical JSON", () => {
	test.each([
		[{ b: 1, a: [true, null, "x"] }, '{"a":[true,null,"x"],"b":1}'],
		[{ b: undefined, a: {} }, '{"a":{}}'],
		[[undefined, 1], "[null,1]"],
		[{ é: '"', "10": 1, "9": 2 }, '{"10":1,"9":2,"é":"\\""}'],
		["\u2028\ud800", '"\u2028\\ud800"'],
		[null, "null"],
	])("of %j", (value, text) => {
		expect(canonicalJson(value)).toBe(text);
	});

	test("is JSON of the same value, whatever the order of its keys", () => {
		fc.assert(
			fc.property(fc.jsonValue(), (value) => {
				const text = canonicalJson(value);
				expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
				expect(canonicalJson(reversed(value))).toBe(text);
			}),
		);
	});
});

function reversed(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(reversed);
	if (value === null || typeof value !== "object") return value;
	return Object.fromEntries(
		Object.entries(value)
			.toReversed()
			.map(([key, field]) => [key, reversed(field)]),
	);
}
