import { describe, expect, test } from "vitest";
import { type StructuralSchema, structuralSchema } from "../../../src/api/crd.ts";
import { kinds } from "../../../src/api/kinds.ts";
import { missingFields, unknownFields } from "../../../src/api/known-fields.ts";

describe("unknownFields", () => {
	test("names what was not read, at every depth", () => {
		const given = { a: 1, later: { x: 1 }, list: [{ b: 1 }, { b: 2, later: 1 }], inner: { later: [] } };
		const read = { a: 1, list: [{ b: 1 }, { b: 2 }], inner: {} };
		expect(unknownFields(given, read, "spec")).toEqual(["spec.later", "spec.list[1].later", "spec.inner.later"]);
	});

	test("finds nothing where all was read, whatever it became", () => {
		expect(unknownFields({ a: "X", list: [1] }, { a: "x", list: [1], more: 1 }, "spec")).toEqual([]);
	});
});

describe("missingFields", () => {
	const text = { type: "string" };
	const of = (properties: Readonly<Record<string, StructuralSchema>>) => ({ type: "object", properties });

	test("names what the older schema lacks: in objects, lists and maps", () => {
		const older = of({ a: text, list: { items: of({ b: text }) }, map: { additionalProperties: of({}) } });
		const newer = of({
			a: text,
			later: of({ x: text }),
			list: { items: of({ b: text, later: text }) },
			map: { additionalProperties: of({ later: text }) },
		});
		expect(missingFields(newer, older)).toEqual([".later", ".list[].later", ".map.*.later"]);
		expect(missingFields(older, newer)).toEqual([]);
	});

	test.each(kinds)("finds nothing between $kind and itself", ({ spec, status }) => {
		for (const schema of [spec, status])
			expect(missingFields(structuralSchema(schema), structuralSchema(schema))).toEqual([]);
	});
});
