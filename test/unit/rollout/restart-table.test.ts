import { describe, expect, test } from "vitest";
import { describedSchema } from "../../../src/api/crd.ts";
import { kinds } from "../../../src/api/kinds.ts";
import { fieldRows } from "../../../src/api/reference.ts";
import { restartReasons } from "../../../src/rollout/reasons.ts";
import { covers, restartTable } from "../../../src/rollout/restart-table.ts";

describe.each(kinds)("the restart table of $kind", ({ kind, spec }) => {
	const rows = restartTable[kind] ?? [];
	const all = fieldRows(describedSchema(spec)).map(({ field }) => field);
	/** Fields with fields of their own are told by those. */
	const leaves = all.filter(
		(field) => !all.some((other) => /^(\.|\[\])/.test(other.replace(field, "")) && other.startsWith(field)),
	);

	test("has one row for each field", () => {
		const advice =
			"add a row to src/rollout/restart-table.ts: the reasons (src/rollout/reasons.ts) that a change of it is told by, or " +
			"none and what happens instead; where it comes into NodeIntent, an entry in src/rollout/intent-fields.ts as well";
		const missing = leaves.filter((field) => !rows.some((row) => covers(row, field)));
		expect(missing.map((field) => `spec.${field} has no row: ${advice}`)).toEqual([]);
		const twice = leaves.filter((field) => rows.filter((row) => covers(row, field)).length > 1);
		expect(twice).toEqual([]);
	});

	test("has no row of a field that there is not", () => {
		expect(rows.filter((row) => !all.some((field) => covers(row, field)))).toEqual([]);
	});

	test("says what happens where nothing restarts", () => {
		expect(rows.filter(({ reasons, note }) => reasons.length === 0 && note === "")).toEqual([]);
	});
});

test("R16 is what restarts all nodes", () => {
	for (const { rule, scope } of Object.values(restartReasons)) expect(scope === "AllNodes").toBe(rule === "R16");
});
