import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generatedFiles, root } from "../../../deploy/generate.ts";
import { chatNodeAliasKind } from "../../../src/api/chat-node-alias.ts";
import { customResourceDefinition, type StructuralSchema, structuralSchema } from "../../../src/api/crd.ts";
import { federationPolicyKind } from "../../../src/api/federation-policy.ts";
import { kinds } from "../../../src/api/kinds.ts";
import { xmppFederationKind } from "../../../src/api/xmpp-federation.ts";

test.each([...generatedFiles()])("%s is what npm run generate writes", async (path, content) => {
	expect(await readFile(join(root, path), "utf8")).toBe(content);
});

test.each(kinds)(
	"$kind: every field has a description, every text, list and map a bound, and nothing a default",
	({ spec, status }) => {
		const all = [...levels(structuralSchema(spec), "spec"), ...levels(structuralSchema(status), "status")];
		expect(all.length).toBeGreaterThan(20);
		expect(all.flatMap(faults)).toEqual([]);
	},
);

function faults({ path, schema, isItem }: Level): string[] {
	const { type, maxLength, maxItems, maxProperties, additionalProperties } = schema;
	const isFreeText = type === "string" && schema.enum === undefined && schema["format"] !== "date-time";
	return [
		// An entry of a list or map is described by the list or map.
		...(isItem || /^\S.*\.$/s.test(schema.description ?? "") ? [] : [`${path}: no description, or no sentence`]),
		...(isFreeText && maxLength === undefined ? [`${path}: no maxLength`] : []),
		...(type === "array" && maxItems === undefined ? [`${path}: no maxItems`] : []),
		...(additionalProperties !== undefined && maxProperties === undefined ? [`${path}: no maxProperties`] : []),
		// Defaults are the model's: a resource read back is what was applied.
		...("default" in schema ? [`${path}: a default`] : []),
	];
}

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

test.each([
	[xmppFederationKind, ["Domain", "Nodes", "Enabled", "Policy", "Ready", "Reason", "Age"], ["Upstream"]],
	[
		federationPolicyKind,
		["Federation", "Default", "Enforcement", "Exceptions", "Accepted", "Programmed", "Age"],
		["Reason"],
	],
	[chatNodeAliasKind, ["Alias", "Federation", "Node", "Exposure", "Accepted", "Programmed", "Age"], ["Reason"]],
])("kubectl get shows the columns of the design: $kind", (kind, always, wide) => {
	const [version] = customResourceDefinition(kind).spec.versions;
	const columns = version?.additionalPrinterColumns ?? [];
	const names = (inWide: boolean) =>
		columns.filter(({ priority = 0 }) => priority > 0 === inWide).map(({ name }) => name);
	expect([names(false), names(true)]).toEqual([always, wide]);
});
