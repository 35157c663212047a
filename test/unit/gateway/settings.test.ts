import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { liveSettings, revisionedSettings, settingsFiles, settingsRevision } from "../../../src/gateway/settings.ts";
import type { NodeIntent } from "../../../src/model/intent.ts";
import { defaultSecurity } from "../../../src/model/peer-security.ts";
import { node } from "./node.ts";

describe("settings of a node", () => {
	test("are files with a revision", () => {
		expect(settingsFiles(node)).toMatchInlineSnapshot(`
			{
			  "revision": "e3b0c44298
			",
			}
		`);
	});

	test("have security where it is not the default, with domains as they stand in XMPP addresses", () => {
		const security = defaultSecurity({});
		const peers = { "xn--bcher-kva.example": security, "*.xn--mnchen-3ya.lab": security };
		const parse = (more: Partial<NodeIntent>): unknown =>
			JSON.parse(settingsFiles({ ...node, ...more })["security.json"] ?? "null");
		expect(parse({})).toBeNull();
		expect(parse({ security })).toEqual({ default: security, peers: {} });
		expect(parse({ peers })).toEqual({
			default: security,
			peers: { "b\u00fccher.example": security, "*.m\u00fcnchen.lab": security },
		});
	});

	test("say what holds for users without an email address where others have one", () => {
		const on = { ...node, emailAddresses: true, unmappedUsers: "PassThrough" } as const;
		expect(settingsFiles(on)["email-addresses.json"]).toBe('{"unmappedUsers":"PassThrough"}\n');
		const live = { ...on, strategy: "Live" } as const;
		expect(Object.keys(revisionedSettings(live))).not.toContain("email-addresses.json");
		expect(liveSettings(live)["email-addresses.json"]).toBe('{"unmappedUsers":"PassThrough"}\n');
	});

	test("have a revision that sha256sum finds out as well", () => {
		const files = { "b.json": '["münchen.example"]\n', "a.json": "{}\n", "a-b.json": "1\n" };
		const directory = mkdtempSync(join(tmpdir(), "xmppfed-settings-"));
		try {
			for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
			const found = execFileSync("sh", ["-c", "LC_ALL=C; export LC_ALL; sha256sum *.json | sha256sum | cut -c -10"], {
				cwd: directory,
				encoding: "utf8",
			});
			expect(settingsRevision(files)).toBe(found.trim());
		} finally {
			rmSync(directory, { recursive: true });
		}
	});

	test("have another revision with another name or content, and the same in another order", () => {
		const revision = settingsRevision({ "a.json": "1", "b.json": "2" });
		expect(settingsRevision({ "b.json": "2", "a.json": "1" })).toBe(revision);
		for (const files of [{ "a.json": "1" }, { "a.json": "2", "b.json": "1" }, { "a.json": "1", "c.json": "2" }]) {
			expect(settingsRevision(files)).not.toBe(revision);
		}
	});

	test("have aliases where these are live, with domains as they stand in XMPP addresses", () => {
		const aliases = { "xn--rume-loa.lab": { upstream: { host: "other.lab", port: 5269 }, here: false } };
		const live: NodeIntent = { ...node, strategy: "Live", liveAliases: true, aliases };
		expect(JSON.parse(liveSettings(live)["aliases.json"] ?? "null")).toEqual({
			"räume.lab": { host: "other.lab", port: 5269, alias: "xn--rume-loa.lab", outgoing_only: true },
		});
		const { liveAliases: _sign, ...before } = live;
		for (const files of [liveSettings(before), revisionedSettings(before), revisionedSettings(live)]) {
			expect(Object.keys(files)).not.toContain("aliases.json");
		}
	});

	test("are divided with the strategy Live: what changes while the node runs has a revision of its own", () => {
		const policy = { default: "Deny", enforcement: "Enforce", exceptions: 1, lists: ["a".repeat(64)] } as const;
		const security = { ...defaultSecurity({}), dialback: { mode: "Disabled" } } as const;
		const live: NodeIntent = { ...node, strategy: "Live", policy, security };
		expect(Object.keys(revisionedSettings(live)).toSorted()).toEqual([".fixed"]);
		expect(revisionedSettings(live)[".fixed"]).toBe("");
		const { revision, ...files } = liveSettings(live);
		expect(Object.keys(files)).toEqual(["policy.json", "security.json"]);
		expect(revision?.trim()).toBe(settingsRevision(files, { "policy-0.list": "a".repeat(64) }));
		const documented: NodeIntent = { ...node, policy, security };
		expect(Object.keys(revisionedSettings(documented)).toSorted()).toEqual([
			"policy.json",
			"revision",
			"security.json",
		]);
	});
});
