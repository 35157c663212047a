import { describe, expect, test } from "vitest";
import { federationConfiguration } from "../../../src/gateway/federation.ts";
import { routerConfiguration } from "../../../src/gateway/router.ts";
import { readConfiguration } from "../../lib/lua-configuration.ts";
import { modelled, sample } from "../fixtures/federation.ts";

describe("reading a configuration", () => {
	test("gives what was written", () => {
		const [node] = modelled(sample("smallest")).intent.nodes;
		if (!node) throw new Error("the sample has a node");
		const router = readConfiguration(routerConfiguration(node));
		expect(router.settings["xmppfed_upstreams"]).toEqual({
			"example.com": { host: "xmpp.chat.svc.cluster.local", port: 5269 },
		});
		const { hosts } = readConfiguration(federationConfiguration(node));
		expect(hosts.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
			"VirtualHost placeholder.invalid",
			"Component example.com",
		]);
	});

	test("gives what a script makes a setting of", () => {
		expect(readConfiguration('a = RunScript("/x.lua")({ b = 1 })')).toEqual({
			scripts: [{ path: "/x.lua", argument: { b: 1 } }],
			settings: { a: { b: 1 } },
			hosts: [],
		});
	});

	test.each([
		'a = RunScript("/x.lua")',
		'a = RunScript("/x.lua")(os.time())',
		'a = "x"; os.execute("id")',
		'os.execute("id")',
		"a = [[x]]",
		'a = "x" .. b',
		"a = b",
		"a = 1 b = 2",
		'a = "\\n"',
		'a = "\\256"',
		'a = "x',
		"a = { 1, b = 2 }",
		"a = 1\na = 2",
		"\ta = 1",
		'Component "x" "y" { a = 1 }',
		'Component "x"; a = 1',
		'VirtualHost "x"\na = 1',
		"--[[ a ]]",
		"-- \u0000",
		"include 'x'",
	])("refuses %j", (text) => {
		expect(() => readConfiguration(text)).toThrow(" at ");
	});
});
