import { hash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { luaValue } from "../../src/gateway/lua.ts";
import { revisionFile, type SettingsFiles, settingsFiles, settingsRevision } from "../../src/gateway/settings.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { Role } from "./lib/gateway-node.ts";
import { World } from "./lib/world.ts";

const roles = ["router", "federation"] as const;
const moduleDirectory = "/run/test-modules";

/** Logs each value that it is given, and refuses the text "refused". */
const watchingModule = `
module:set_global();
local json = require "prosody.util.json";
module:depends("xmppfed_settings").watch("colour", function (value, failure)
	module:log("info", "colour is %s, failure %s", value == nil and "none" or json.encode(value), tostring(failure));
	if value == "refused" then return "it is no colour"; end
	if value == "fault" then error("the module has a fault"); end
end);
`;

/** Files with the revision that they are of. */
const revised = (files: SettingsFiles): SettingsFiles => ({ ...files, [revisionFile]: settingsRevision(files) });

/** What runs takes over what is mounted as it changes. Each test goes on from where the one before it ended. */
describe("settings", () => {
	let world: World;
	const node = () => world.node("gw-1");

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: [],
			users: ["alice"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		await node().machine.write(`${moduleDirectory}/mod_test_colour.lua`, watchingModule);
		for (const role of roles) await start(role);
		await inForce(settingsFiles(node().intent));
	});

	afterAll(async () => {
		await world?.[Symbol.asyncDispose]();
	});

	/** With no other modules than what shows settings needs. */
	async function start(role: Role): Promise<void> {
		const links = role === "router" ? ["xmppfed_links", "xmppfed_upstream_probe"] : ["xmppfed_link_port"];
		const changes = {
			plugin_paths: [podLayout.moduleDirectory, moduleDirectory],
			modules_enabled: ["http", "xmppfed_drain", "xmppfed_status", "test_colour", ...links],
		};
		const lines = Object.entries(changes).map(([name, value]) => `${name} = ${luaValue(value)}`);
		await node().startRole(role, world.secrets, lines.join("\n"));
	}

	const settingsOf = async (role: Role) => (await node().inForce(role)).settings;

	async function inForce(files: SettingsFiles): Promise<void> {
		for (const role of roles) {
			await waitFor(`the settings to be in force at the ${role}`, async () => {
				const found = await settingsOf(role);
				if (found.revision !== files[revisionFile]?.trim() || found.failure) throw new Error(JSON.stringify(found));
				return true;
			});
		}
	}

	/** What the watching module of each process was told, without the lines that `before` counts. */
	const told = (before = { router: 0, federation: 0 }) =>
		roles.map((role) => {
			const lines = node().program(role).lines.slice(before[role]);
			return lines.flatMap((line) => /colour is (.*), failure [^"]*/.exec(line)?.[0] ?? []);
		});
	const mark = () => ({
		router: node().program("router").lines.length,
		federation: node().program("federation").lines.length,
	});
	const errors = (before: ReturnType<typeof mark>) =>
		roles.map(
			(role) =>
				node()
					.program(role)
					.lines.slice(before[role])
					.filter((line) => line.includes("Settings in")).length,
		);

	test("that there are not are none, and have a revision all the same", () => {
		expect(told()).toEqual([["colour is none, failure nil"], ["colour is none, failure nil"]]);
	});

	test("that are used are told, each by the digest of its file", async () => {
		const good = revised({ "colour.json": '"red"', "other.json": "1" });
		await node().mountSettings(good);
		await inForce(good);
		const bad = revised({ "colour.json": '"refused"', "other.json": "2" });
		await node().mountSettings(bad);
		for (const role of roles) {
			await waitFor("the failure", async () => (await settingsOf(role)).failure);
			expect((await settingsOf(role)).used).toEqual({ colour: hash("sha256", '"red"'), other: hash("sha256", "2") });
		}
		await node().mountSettings(revised({}));
		await inForce(revised({}));
		for (const role of roles) expect((await settingsOf(role)).used).toEqual({});
	});

	test("are taken over when they come, change and go, each once", async () => {
		const before = mark();
		for (const value of ['"red"', '{"name":"blue"}']) {
			const files = revised({ "colour.json": value, "other.json": "1" });
			await node().mountSettings(files);
			await inForce(files);
		}
		// The same once more, among others that change
		const same = revised({ "colour.json": '{"name":"blue"}', "other.json": "2" });
		await node().mountSettings(same);
		await inForce(same);
		await node().mountSettings(revised({}));
		await inForce(revised({}));
		const wanted = ['colour is \\"red\\", failure nil', 'colour is {\\"name\\":\\"blue\\"}, failure nil'];
		expect(told(before)).toEqual(roles.map(() => [...wanted, "colour is none, failure nil"]));
		expect(errors(before)).toEqual([0, 0]);
	});

	test.each([
		["is no JSON", "{", /colour\.json is not JSON: ./],
		["is empty", "", /colour\.json is not JSON: ./],
		["the module refuses", '"refused"', /colour\.json cannot be used: it is no colour/],
		["the module fails at", '"fault"', /colour\.json cannot be used: .*the module has a fault/],
	])("a file that %s leaves the value before, and is told once", async (_what, text, why) => {
		const good = revised({ "colour.json": '"green"' });
		await node().mountSettings(good);
		await inForce(good);
		const before = mark();
		await node().mountSettings(revised({ "colour.json": text, "other.json": "3" }));
		for (const role of roles) {
			await waitFor("the failure", async () => why.test((await settingsOf(role)).failure ?? ""));
			expect((await settingsOf(role)).revision).toBeUndefined();
		}
		await node().mountSettings(good);
		await inForce(good);
		expect(errors(before)).toEqual([1, 1]);
	});

	test("of two revisions are not taken until they are of one", async () => {
		const good = revised({ "colour.json": '"green"' });
		const next = { "colour.json": '"yellow"', "other.json": "4" };
		const before = mark();
		await node().mountSettings({ ...next, [revisionFile]: settingsRevision({ "colour.json": '"yellow"' }) });
		for (const role of roles) {
			const failure = await waitFor("the failure", async () => (await settingsOf(role)).failure);
			expect(failure).toMatch(/^the files are of revision [0-9a-f]{10}, not of [0-9a-f]{10}$/);
			expect((await settingsOf(role)).revision).toBe(good[revisionFile]);
		}
		expect(told(before)).toEqual([[], []]);
		await node().mountSettings(revised(next));
		await inForce(revised(next));
		expect(told(before)).toEqual(roles.map(() => ['colour is \\"yellow\\", failure nil']));
	});

	test("that are of the pod's revision belong to no other, and are taken all the same", async () => {
		const before = mark();
		const changing = { "other.json": "5" };
		const files = {
			"colour.json": '"black"',
			".fixed": "colour.json\n",
			...changing,
			[revisionFile]: settingsRevision(changing),
		};
		await node().mountSettings(files);
		await inForce(files);
		expect(told(before)).toEqual(roles.map(() => ['colour is \\"black\\", failure nil']));
	});

	test("that cannot be used at the start are told to who watches them", async () => {
		await node().mountSettings(revised({ "colour.json": "[" }));
		const router = node().program("router");
		router.kill("SIGKILL");
		await router.exit;
		await start("router");
		await waitFor("the failure", async () => (await settingsOf("router").catch(() => undefined))?.failure);
		const lines = node().program("router").lines.join("\n");
		expect(lines).toMatch(/colour is none, failure colour\.json is not JSON/);
	});
});
