/**
 * JSON with keys in code point order and absent for undefined: equal values give equal text. For plain JSON values; it
 * runs for every object at every look, so it builds no second value.
 */
export function canonicalJson(value: unknown): string {
	if (value === null || typeof value !== "object") return JSON.stringify(value);
	if (Array.isArray(value)) return `[${value.map((item: unknown) => canonicalJson(item) ?? "null").join(",")}]`;
	const fields: string[] = [];
	for (const key of Object.keys(value).toSorted()) {
		const field: unknown = Reflect.get(value, key);
		if (field !== undefined) fields.push(`${JSON.stringify(key)}:${canonicalJson(field)}`);
	}
	return `{${fields.join(",")}}`;
}
