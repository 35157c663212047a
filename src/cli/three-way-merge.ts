/** JSON. */
type Fields = Readonly<Record<string, unknown>>;

/**
 * The merge patch (RFC 7386) that `kubectl apply` sends for a custom resource: what the file says, and null for what the
 * file that was applied before had and this one has not. What others added stays. Lists are replaced as a whole.
 */
export function threeWayPatch(lastApplied: unknown, file: Fields, live: unknown): Fields {
	const before = isFields(lastApplied) ? lastApplied : {};
	const now = isFields(live) ? live : {};
	const patch: Record<string, unknown> = {};
	for (const [name, value] of Object.entries(file)) {
		if (isFields(value) && isFields(now[name])) {
			const inner = threeWayPatch(before[name], value, now[name]);
			if (Object.keys(inner).length > 0) patch[name] = inner;
		} else if (JSON.stringify(value) !== JSON.stringify(now[name])) {
			patch[name] = value;
		}
	}
	for (const name of Object.keys(before)) {
		if (!(name in file) && name in now) patch[name] = null;
	}
	return patch;
}

/** What a merge patch makes of a value. */
export function patched(value: unknown, patch: unknown): unknown {
	if (!isFields(patch)) return patch;
	const result: Record<string, unknown> = isFields(value) ? { ...value } : {};
	for (const [name, change] of Object.entries(patch)) {
		if (change === null) delete result[name];
		else result[name] = patched(result[name], change);
	}
	return result;
}

function isFields(value: unknown): value is Fields {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
