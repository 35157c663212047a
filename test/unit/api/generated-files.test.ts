import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generatedFiles, root } from "../../../deploy/generate.ts";
import { customResourceDefinition, type StructuralSchema, structuralSchema } from "../../../src/api/crd.ts";
import { xmppFederationKind } from "../../../src/api/xmpp-federation.ts";

test.each([...generatedFiles()])("%s is what npm run generate writes", async (path, content) => {
	expect(await readFile(join(root, path), "utf8")).toBe(content);
});

const { spec, status } = xmppFederationKind;

test.each(levels(structuralSchema(spec), "spec").concat(levels(structuralSchema(status), "status")))(
	"$path has a description, and every text, list and map a bound",
	({ schema, path, isItem }) => {
		// An entry of a list or map is described by the list or map.
		if (!isItem) expect(schema.description).toMatch(/^\S.*\.$/s);
		if (schema.type === "string" && schema.enum === undefined && !path.endsWith(".lastTransitionTime")) {
			expect(schema.maxLength).toBeGreaterThan(0);
		}
		if (schema.type === "array") expect(schema.maxItems).toBeGreaterThan(0);
		if (schema.additionalProperties !== undefined) expect(schema.maxProperties).toBeGreaterThan(0);
		// Defaults are the model's: a resource read back is what was applied.
		expect(schema).not.toHaveProperty("default");
	},
);

interface Level {
	readonly path: string;
	readonly schema: StructuralSchema;
	readonly isItem: boolean;
}

function levels(schema: StructuralSchema, path: string, isItem = false): Level[] {
	const { properties = {}, items, additionalProperties } = schema;
	return [
		{ path, schema, isItem },
		...Object.entries(properties).flatMap(([name, property]) => levels(property, `${path}.${name}`)),
		...(items === undefined ? [] : levels(items, `${path}[]`, true)),
		...(additionalProperties === undefined ? [] : levels(additionalProperties, `${path}{}`, true)),
	];
}

test("kubectl get shows the columns of the design", () => {
	const [version] = customResourceDefinition(xmppFederationKind).spec.versions;
	const columns = version?.additionalPrinterColumns ?? [];
	const names = (wide: boolean) => columns.filter(({ priority = 0 }) => priority > 0 === wide).map(({ name }) => name);
	expect(names(false)).toEqual(["Domain", "Nodes", "Enabled", "Ready", "Reason", "Age"]);
	expect(names(true)).toEqual(["Upstream"]);
});
