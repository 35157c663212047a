import { describedSchema, type Kind, type StructuralSchema } from "./crd.ts";

/** The reference of one kind in Markdown: a table of the fields of spec and one of status. */
export function referenceSection(kind: Kind): string {
	return [
		`## ${kind.kind}`,
		`${kind.description} \`apiVersion: ${kind.group}/${kind.version}\`, namespaced, short name \`${kind.shortName}\`.`,
		"### spec",
		table(
			["Field", "Type", "Default", "Meaning"],
			fieldRows(describedSchema(kind.spec)).map(({ field, schema, required }) => [
				`\`${field}\``,
				typeName(schema),
				required ? "*required*" : fallback(schema),
				schema.description ?? "",
			]),
		),
		"### status",
		table(
			["Field", "Type", "Meaning"],
			fieldRows(describedSchema(kind.status)).map(({ field, schema }) => [
				`\`${field}\``,
				typeName(schema),
				schema.description ?? "",
			]),
		),
	].join("\n\n");
}

export interface FieldRow {
	/** Path below spec or status, such as nodes[].name. */
	readonly field: string;
	readonly schema: StructuralSchema;
	readonly required: boolean;
}

/** Every field below a schema, in the order in which they are declared. */
export function fieldRows(schema: StructuralSchema, path = ""): FieldRow[] {
	const required = new Set(schema.required);
	return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
		const field = `${path}${name}`;
		return [
			{ field, schema: property, required: required.has(name) },
			...(property.items === undefined ? fieldRows(property, `${field}.`) : fieldRows(property.items, `${field}[].`)),
		];
	});
}

function fallback({ defaultsTo }: StructuralSchema): string {
	if (defaultsTo === undefined) return "";
	// A value is set as code, a sentence is not.
	const value = String(defaultsTo);
	return value.includes(" ") ? value : `\`${value}\``;
}

function typeName(schema: StructuralSchema): string {
	if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(", ");
	if (schema["x-kubernetes-int-or-string"] === true) return "quantity";
	if (schema.items !== undefined)
		return `list of ${schema.minItems ?? 0} to ${schema.maxItems} (${typeName(schema.items)})`;
	if (schema.additionalProperties !== undefined) return `map of up to ${schema.maxProperties} texts`;
	if (schema.type === "integer" && schema.minimum !== undefined) {
		return schema.maximum === undefined
			? `integer from ${schema.minimum}`
			: `integer, ${schema.minimum} to ${schema.maximum}`;
	}
	if (schema.type === "string" && schema.maxLength !== undefined) return `text, up to ${schema.maxLength}`;
	return schema.type === "string" ? "text" : (schema.type ?? "any");
}

/** A table in Markdown. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
	return [header, header.map(() => "---"), ...rows]
		.map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
		.join("\n");
}
