import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { causeText, failureCauses } from "../../../src/gateway/failure-causes.ts";

const lua = new URL("../../../deploy/gateway/modules/xmppfed_cause.lib.lua", import.meta.url);

test("the gateway and the table have the same causes, in any order", async () => {
	const list = /local causes = \{(.*?)\n\};/s.exec(await readFile(lua, "utf8"))?.[1] ?? "";
	const codes = [...list.matchAll(/"(\w+)"/g)].map(([, code]) => code);
	expect(codes).toHaveLength(new Set(codes).size);
	expect(new Set(codes)).toEqual(new Set(Object.keys(failureCauses)));
});

test("every text is made of whole sentences", () => {
	for (const { meaning, remedy } of Object.values(failureCauses)) {
		for (const text of [meaning, remedy]) expect(text).toMatch(/^[A-Z].*[.?]$/);
	}
});

test("a cause that is not known has no text", () => {
	expect(causeText("DNSFailed")?.group).toBe("DNS");
	expect(causeText("FromTheFuture")).toBeUndefined();
	expect(causeText("toString")).toBeUndefined();
});
