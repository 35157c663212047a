import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { luaComment, luaString, luaValue } from "../../../src/gateway/lua.ts";

/** Reads one Lua string literal in double quotes as Lua 5.4 does; gives its bytes and what stands behind it. */
function readLuaString(source: string): { bytes: Buffer; rest: string } {
	if (source[0] !== '"') throw new Error("a string literal begins with a quote");
	const bytes: number[] = [];
	for (let at = 1; at < source.length; at++) {
		const character = source.charAt(at);
		if (character === '"') return { bytes: Buffer.from(bytes), rest: source.slice(at + 1) };
		if (character === "\n" || character === "\r") throw new Error("unfinished string");
		if (character !== "\\") {
			bytes.push(...Buffer.from(character, "utf8"));
			continue;
		}
		const digits = /^[0-9]{1,3}/.exec(source.slice(at + 1))?.[0];
		if (digits === undefined || Number(digits) > 255) throw new Error("invalid escape sequence");
		bytes.push(Number(digits));
		at += digits.length;
	}
	throw new Error("unfinished string");
}

const anyText = fc.oneof(
	fc.string({ unit: "binary" }),
	fc.string({
		unit: fc.constantFrom('"', "'", "\\", "]]", "[[", "\n", "\r", "\0", "\\n", "\\0", "9", "--", "\u00e9", "\u{1f600}"),
	}),
);

describe("Lua strings", () => {
	test("any text is read back as its UTF-8 bytes, and the literal ends where it should", () => {
		fc.assert(
			fc.property(anyText, anyText, (value, after) => {
				const { bytes, rest } = readLuaString(luaString(value) + after);
				expect(bytes).toEqual(Buffer.from(value, "utf8"));
				expect(rest).toBe(after);
			}),
		);
	});

	test("a literal is printable ASCII on one line", () => {
		fc.assert(
			fc.property(anyText, (value) => {
				expect(luaString(value)).toMatch(/^[ -~]*$/);
			}),
		);
	});

	test("a comment is one line", () => {
		fc.assert(
			fc.property(anyText, (text) => {
				expect(luaComment(text)).toMatch(/^-- [ -~]*$/);
			}),
		);
	});
});

describe("Lua values", () => {
	test.each([
		[[], "{}"],
		[{}, "{}"],
		[["a", 1, true], '{ "a", 1, true }'],
		[{ plain: 1, "not plain": 2, end: 3, left: undefined }, '{ plain = 1, ["not plain"] = 2, ["end"] = 3 }'],
		[{ nested: [{ a: "x" }] }, '{ nested = { { a = "x" } } }'],
	])("%j is %s", (value, text) => {
		expect(luaValue(value)).toBe(text);
	});

	test.each([Number.NaN, Number.POSITIVE_INFINITY])("%s is refused", (value) => {
		expect(() => luaValue(value)).toThrow("it must be a finite number");
	});
});
