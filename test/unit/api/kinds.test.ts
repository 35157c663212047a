import { describe, expect, test } from "vitest";
import { describedSchema } from "../../../src/api/crd.ts";
import { fieldRows } from "../../../src/api/reference.ts";
import { kindTables } from "../../resources/kinds.ts";

describe.each(kindTables)("$kind", ({ definition, parse, validCases, invalidCases }) => {
	describe("zod accepts", () => {
		test.each(validCases)("$name", ({ resource }) => {
			expect(parse(resource)).toEqual({ ok: true, value: resource });
		});
	});

	describe("zod refuses", () => {
		test.each(invalidCases)("$name", ({ resource, field, says }) => {
			const parsed = parse(resource);
			if (parsed.ok) throw new Error("it was accepted");
			const fragment = typeof says === "string" ? says : says.zod;
			expect(parsed.errors).toContainEqual({ field, message: expect.stringContaining(fragment) });
		});
	});

	describe("the table of resources has an example of every field", () => {
		const fields = fieldRows(describedSchema(definition.spec)).map(({ field }) => field);
		const set = new Set(validCases.flatMap(({ resource }) => paths(resource.spec)));
		const refused = new Set(
			invalidCases.map(({ field }) =>
				field
					.replace(/^spec\./, "")
					.replaceAll(/\[\d+\]/g, "[]")
					.replace(/\[\]$/, ""),
			),
		);
		test.each(fields)("%s", (field) => {
			expect({ field, valid: set.has(field), invalid: refused.has(field) }).toEqual({
				field,
				valid: true,
				invalid: true,
			});
		});
	});
});

/** Paths of all values below, in the form of the reference: nodes[].name. */
function paths(value: unknown, path = ""): string[] {
	if (Array.isArray(value)) return value.flatMap((item) => paths(item, `${path}[]`));
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([name, field]) => {
		const below = path === "" ? name : `${path}.${name}`;
		return [below, ...paths(field, below)];
	});
}
