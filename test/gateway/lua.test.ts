import fc from "fast-check";
import { expect, test } from "vitest";
import { imageCheckScript, outdatedImageExitCode } from "../../src/gateway/image-check.ts";
import { luaValue } from "../../src/gateway/lua.ts";
import { Machine } from "./lib/machine.ts";
import { extractedRootfs } from "./lib/rootfs.ts";

test("Lua 5.4 itself reads every text back as its UTF-8 bytes", async () => {
	await using machine = await Machine.start("lua", await extractedRootfs());
	const special = fc.constantFrom('"', "'", "\\", "]]", "--[[", "\n", "\r\n", "\0", "7", "\u00e9", "\u{1f600}");
	const texts = fc.sample(fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: special })), 2_000);
	const script = `for _, text in ipairs(${luaValue(texts)}) do print((text:gsub(".", function (c) return ("%02x"):format(c:byte()); end))); end`;
	const output = await machine.exec(["lua5.4", "-"], { input: script });
	expect(output.split("\n").slice(0, -1)).toEqual(texts.map((text) => Buffer.from(text, "utf8").toString("hex")));
});

test("an image that lacks a file of its configuration is told, and the process ends", async () => {
	await using machine = await Machine.start("lua", await extractedRootfs());
	const check = async (files: readonly string[]) => {
		const image = { directory: "/etc", role: "router", node: "gw-1", files };
		const script = `local check = (function () ${imageCheckScript} end)(); check(${luaValue(image)}); print("runs")`;
		return await machine.exec(["sh", "-c", 'lua5.4 -; echo "code $?"'], { input: script });
	};
	expect(await check(["passwd", "group"])).toBe("runs\ncode 0\n");
	const [line = "", code] = (await check(["passwd", "mod_xmppfed_new.lua"])).split("\n");
	expect(code).toBe(`code ${outdatedImageExitCode}`);
	expect(JSON.parse(line)).toMatchObject({
		level: "error",
		node: "gw-1",
		msg: "The gateway image lacks mod_xmppfed_new.lua: it is older than the operator. Use an image of the operator's release",
	});
});
