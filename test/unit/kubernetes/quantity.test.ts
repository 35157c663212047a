import fc from "fast-check";
import { expect, test } from "vitest";
import { sameQuantity } from "../../../src/kubernetes/quantity.ts";

test.each([
	["1", "1000m"],
	["0.5", "500m"],
	[".5", "500m"],
	[1, "1"],
	["1024Mi", "1Gi"],
	["1.5Gi", "1536Mi"],
	["1e3", "1k"],
	["1E3", "1k"],
	["0", "0Mi"],
	["-1", "-1000m"],
	["100u", "100000n"],
	["1E", "1000P"],
])("%s and %s are the same quantity", (a, b) => {
	expect(sameQuantity(a, b)).toBe(true);
	expect(sameQuantity(b, a)).toBe(true);
});

test.each([
	["1", "1001m"],
	["1G", "1Gi"],
	["1", "-1"],
	["", ""],
	["abc", "abc"],
	["1x", "1x"],
	[undefined, undefined],
	["1", null],
])("%s and %s are not the same quantity", (a, b) => {
	expect(sameQuantity(a, b)).toBe(false);
});

test("a number of units is the same whichever suffix says it", () => {
	fc.assert(
		fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (n) => {
			expect(sameQuantity(`${n}Ki`, String(BigInt(n) * 1024n))).toBe(true);
			expect(sameQuantity(`${n}m`, `${n}000u`)).toBe(true);
			expect(sameQuantity(`${n}`, `${n + 1}`)).toBe(false);
		}),
	);
});
