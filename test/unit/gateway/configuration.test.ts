import { describe, expect, test } from "vitest";
import { federationConfiguration } from "../../../src/gateway/federation.ts";
import { podLayout } from "../../../src/gateway/layout.ts";
import { routerConfiguration } from "../../../src/gateway/router.ts";
import { node } from "./node.ts";

describe("configuration of a node", () => {
	test("router", async () => {
		await expect(routerConfiguration(node)).toMatchFileSnapshot("golden/router.cfg.lua");
	});

	test("federation connection manager", async () => {
		await expect(federationConfiguration(node)).toMatchFileSnapshot("golden/federation.cfg.lua");
	});

	test("a Disabled node has a router and no federation connection manager", () => {
		const disabled = { ...node, federation: "Disabled", published: false } as const;
		expect(routerConfiguration(disabled)).toBe(routerConfiguration(node));
		expect(() => federationConfiguration(disabled)).toThrow("node gw-1 has no federation connection manager");
	});

	test("aliases are domains of their own, which only the router of their node takes what comes in for", () => {
		const aliases = {
			"rooms.example.lab": { upstream: { host: "rooms.lab", port: 5270 }, here: true },
			"xn--rume-loa.lab": { upstream: { host: "other.lab", port: 5269 }, here: false },
		};
		const [before, after] = [node, { ...node, aliases }].map((each) => ({
			router: routerConfiguration(each).split("\n"),
			federation: federationConfiguration(each).split("\n"),
		}));
		const added = (role: "router" | "federation") => after?.[role].filter((line) => !before?.[role].includes(line));
		expect(added("router")).toEqual([
			expect.stringContaining(
				'["rooms.example.lab"] = { host = "rooms.lab", port = 5270, alias = "rooms.example.lab", outgoing_only = false }, ' +
					'["r\\195\\164ume.lab"] = { host = "other.lab", port = 5269, alias = "xn--rume-loa.lab", outgoing_only = true } }',
			),
		]);
		expect(added("federation")).toEqual([
			'Component "rooms.example.lab" "component"',
			"\txmppfed_alias = true",
			'Component "r\\195\\164ume.lab" "component"',
			"\txmppfed_alias = true",
		]);
	});

	test("email addresses are a matter of the router alone, and of an image that knows of them", () => {
		const on = { ...node, emailAddresses: true, unmappedUsers: "Refuse" } as const;
		expect(federationConfiguration(on)).toBe(federationConfiguration(node));
		const text = routerConfiguration(on);
		expect(text).toContain('\nxmppfed_email_addresses_directory = "/run/xmppfed/email-addresses"\n');
		expect(text).toMatch(/\nmodules_enabled = \{.* "xmppfed_email_addresses", /);
		expect(text).toMatch(/\nRunScript\("\/etc\/xmppfed\/image-check\.lua"\)\(.*"mod_xmppfed_email_addresses\.lua"/);
	});

	test("live aliases are in no configuration: modules take them from the settings", () => {
		const live = { ...node, strategy: "Live", liveAliases: true } as const;
		const aliases = { "rooms.example.lab": { upstream: { host: "rooms.lab", port: 5270 }, here: true } };
		expect(routerConfiguration({ ...live, aliases })).toBe(routerConfiguration(live));
		expect(federationConfiguration({ ...live, aliases })).toBe(federationConfiguration(live));
		expect(routerConfiguration(live)).toContain('"xmppfed_alias_links"');
		expect(federationConfiguration(live)).toContain('"xmppfed_alias_hosts"');
		const [modules] = /\tmodules_enabled = (\{.*\})/.exec(federationConfiguration(live))?.slice(1) ?? [];
		expect(federationConfiguration(live)).toContain(`xmppfed_domain_modules = ${modules}\n`);
	});

	test("internationalized domains are written as they stand in XMPP addresses", () => {
		const international = { ...node, domains: ["xn--mnchen-3ya.lab"] };
		const umlaut = '"m\\195\\188nchen.lab"';
		expect(federationConfiguration(international)).toContain(`Component ${umlaut} "component"`);
		expect(routerConfiguration(international)).toContain(`xmppfed_upstreams = { [${umlaut}] = {`);
	});

	test("what a user writes stays inside its literal", () => {
		const hostile = {
			...node,
			upstream: { host: '"} os.execute("id") --\n]]', port: 5269 },
			federationName: "a\nb = 1",
		};
		const text = routerConfiguration(hostile);
		expect(text).toContain('host = "\\034} os.execute(\\034id\\034) --\\010]]", port = 5269');
		expect(text.split("\n")[0]).toBe("-- Router of node gw-1, federation corp/a?b = 1");
	});

	test("with the strategy Live the authorities are those that are there, and an image must be able to see to that", () => {
		const live = { ...node, strategy: "Live", systemRoots: false } as const;
		const text = federationConfiguration({ ...live, secrets: { ...node.secrets, trustedCAs: "digest" } });
		expect(text).toBe(federationConfiguration({ ...node, strategy: "Live" }));
		const script = "xmppfed_trusted_authorities.lib.lua";
		expect(text).toContain(`\nssl = RunScript("/usr/lib/xmppfed/modules/${script}")({ certificate = `);
		expect(text).toMatch(new RegExp(`\nRunScript\\("/etc/xmppfed/image-check\\.lua"\\)\\(.*"${script}"`));
		expect(routerConfiguration(live)).toBe(routerConfiguration(node));
	});

	test("ports and paths come from the layout", () => {
		const layout = {
			...podLayout,
			federationPort: 1,
			linkPort: 2,
			federationHttpPort: 3,
			routerPort: 4,
			routerHttpPort: 5,
		};
		const federation = federationConfiguration(node, layout);
		expect(federation).toContain("s2s_ports = { 1 }");
		expect(federation).toContain("component_ports = {}\n");
		expect(federation).toContain("xmppfed_link_port = 2\n");
		expect(federation).toContain("\nhttp_ports = { 3 }");
		const router = routerConfiguration(node, { ...layout, certificateDirectory: "/certificate" });
		expect(router).toContain("s2s_ports = { 4 }");
		expect(router).toContain("\nhttp_ports = { 5 }");
		expect(router).toContain('ssl = { certificate = "/certificate/tls.crt", key = "/certificate/tls.key" }');
	});
});
