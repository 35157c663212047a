/** Lua source text from values: nothing that a user writes can end a literal and become code. */

export type LuaValue =
	| string
	| number
	| boolean
	| readonly LuaValue[]
	| { readonly [key: string]: LuaValue | undefined };

const plain = /^[ !#-[\]-~]$/;

/**
 * A Lua string literal in double quotes. Everything but printable ASCII without quote and backslash is written as
 * decimal escapes of its UTF-8 bytes, always three digits, so that a digit after it cannot join it (Lua 5.4 reference
 * manual, section 3.1).
 */
export function luaString(value: string): string {
	let text = "";
	for (const character of value) {
		if (plain.test(character)) {
			text += character;
			continue;
		}
		for (const byte of Buffer.from(character, "utf8")) text += `\\${byte.toString().padStart(3, "0")}`;
	}
	return `"${text}"`;
}

/** A Lua expression. Absent (undefined) properties of an object are left out. */
export function luaValue(value: LuaValue): string {
	if (typeof value === "string") return luaString(value);
	if (typeof value === "boolean") return String(value);
	if (typeof value === "number") {
		if (!Number.isFinite(value))
			throw new Error(`${value} cannot be written to the configuration: it must be a finite number`);
		return String(value);
	}
	if (isList(value)) return value.length === 0 ? "{}" : `{ ${value.map(luaValue).join(", ")} }`;
	const fields = Object.entries(value).flatMap(([key, field]) =>
		field === undefined ? [] : [`${luaKey(key)} = ${luaValue(field)}`],
	);
	return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

/** The text of a comment: one line, whatever is in it. */
export function luaComment(text: string): string {
	return `-- ${text.replace(/[^ -~]/gu, "?")}`;
}

const reserved = new Set(
	"and break do else elseif end false for function goto if in local nil not or repeat return then true until while".split(
		" ",
	),
);

function luaKey(key: string): string {
	return /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) && !reserved.has(key) ? key : `[${luaString(key)}]`;
}

function isList(value: LuaValue): value is readonly LuaValue[] {
	return Array.isArray(value);
}
