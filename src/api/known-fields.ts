import type { StructuralSchema } from "./crd.ts";

/** Paths, such as `spec.nodes[1].later`, of what an object has and the same object has not that was read by a schema. */
export function unknownFields(given: unknown, read: unknown, path: string): string[] {
	if (Array.isArray(given) && Array.isArray(read)) {
		return given.flatMap((item: unknown, index) => unknownFields(item, read[index], `${path}[${index}]`));
	}
	if (!isObject(given) || !isObject(read)) return [];
	return Object.entries(given).flatMap(([name, value]) =>
		name in read ? unknownFields(value, read[name], `${path}.${name}`) : [`${path}.${name}`],
	);
}

/** Paths, such as `.spec.nodes[].later`, of the fields that a schema has and an older one of the same kind has not. */
export function missingFields(schema: StructuralSchema, older: StructuralSchema, path = ""): string[] {
	const { properties = {}, items, additionalProperties } = schema;
	return [
		...Object.entries(properties).flatMap(([name, field]) => {
			const known = older.properties?.[name];
			return known ? missingFields(field, known, `${path}.${name}`) : [`${path}.${name}`];
		}),
		...(items && older.items ? missingFields(items, older.items, `${path}[]`) : []),
		...(additionalProperties && older.additionalProperties
			? missingFields(additionalProperties, older.additionalProperties, `${path}.*`)
			: []),
	];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
