import { expect, test } from "vitest";
import { table } from "../../../src/cli/table.ts";

test("columns are as wide as their widest cell, the last one has no spaces behind it", () => {
	expect(
		table(
			["A", "BB", "C"],
			[
				["long", "", "x"],
				["", "yes", ""],
			],
		),
	).toBe("A     BB   C\nlong       x\n      yes");
});

test("colours take no width", () => {
	expect(
		table(
			["A", "B"],
			[
				["\u001B[31mred\u001B[39m", "x"],
				["plain", "y"],
			],
		),
	).toBe("A      B\n\u001B[31mred\u001B[39m    x\nplain  y");
});
