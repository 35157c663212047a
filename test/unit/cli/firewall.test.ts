import { describe, expect, test } from "vitest";
import { asaConfiguration } from "../../../src/cli/firewall-asa.ts";
import { nftablesConfiguration } from "../../../src/cli/firewall-nftables.ts";
import {
	allNodes,
	type FirewallInputs,
	firewallRules,
	type PublicServiceView,
} from "../../../src/cli/firewall-rules.ts";
import { firewallTable } from "../../../src/cli/firewall-table.ts";

const service = (changes: Partial<PublicServiceView> = {}): PublicServiceView => ({
	name: "example-public",
	type: "LoadBalancer",
	port: 5269,
	ingress: ["10.0.0.10"],
	machines: ["10.0.1.1", "10.0.1.2"],
	sourceRanges: [],
	...changes,
});

function inputs(changes: Partial<FirewallInputs>): FirewallInputs {
	return {
		namespace: "chat",
		federation: "example",
		services: new Map([[allNodes, service()]]),
		publicIps: new Map([[allNodes, "192.0.2.5"]]),
		aliases: [],
		machines: ["10.0.1.1", "10.0.1.2"],
		...changes,
	};
}

/** The machine that its pod runs on answers the node port, and no other. */
function nodePort(name: string, port: number, given: number, machine: string): PublicServiceView {
	return service({ name, type: "NodePort", port, nodePort: given, ingress: [], machines: [machine] });
}

/** The layouts of the source (R12), and what it does not have. */
const layouts: Record<string, FirewallInputs> = {
	"one-address": inputs({}),
	"one-address-several-ports": inputs({
		services: new Map([
			["gw-1", service({ name: "example-public-gw-1" })],
			["gw-2", service({ name: "example-public-gw-2", ingress: ["10.0.0.11"], port: 25_269 })],
			["gw-3", service({ name: "example-public-gw-3", ingress: ["10.0.0.12"], port: 35_269 })],
		]),
		publicIps: new Map(["gw-1", "gw-2", "gw-3"].map((node) => [node, "192.0.2.5"])),
	}),
	"one-address-aliases": inputs({
		aliases: [
			{
				alias: "conference-1.example.com",
				node: "gw-1",
				service: service({ name: "example-alias-1", ingress: ["10.0.0.11"], port: 25_269 }),
				publicIp: "192.0.2.5",
			},
			{
				alias: "conference-2.example.com",
				node: "gw-2",
				service: service({ name: "example-alias-2", ingress: ["10.0.0.12"], port: 35_269 }),
				publicIp: "192.0.2.5",
			},
		],
	}),
	"several-addresses": inputs({
		services: new Map([
			["gw-1", service({ name: "example-public-gw-1" })],
			["gw-2", service({ name: "example-public-gw-2", ingress: ["10.0.0.11"] })],
		]),
		publicIps: new Map([
			["gw-1", "192.0.2.5"],
			["gw-2", "192.0.2.6"],
		]),
	}),
	"not-translated": inputs({
		services: new Map([
			[
				allNodes,
				service({
					ingress: ["192.0.2.5", "2001:db8::5"],
					sourceRanges: ["198.51.100.0/24", "203.0.113.7/32", "2001:db8:1::/48"],
				}),
			],
		]),
		publicIps: new Map(),
		machines: ["10.0.1.1", "10.0.1.2", "2001:db8:2::1"],
	}),
	"node-port": inputs({
		services: new Map([[allNodes, service({ type: "NodePort", nodePort: 30_269, ingress: [] })]]),
	}),
	"node-port-each": inputs({
		services: new Map([
			["gw-1", nodePort("example-public-gw-1", 5269, 30_269, "10.0.1.1")],
			["gw-2", nodePort("example-public-gw-2", 25_269, 30_270, "10.0.1.2")],
		]),
		publicIps: new Map(["gw-1", "gw-2"].map((node) => [node, "192.0.2.5"])),
		aliases: [
			{
				alias: "conference-2.example.com",
				node: "gw-2",
				service: nodePort("example-alias", 35_269, 30_271, "10.0.1.2"),
				publicIp: "192.0.2.5",
			},
		],
	}),
};

describe.each(Object.entries(layouts))("layout %s", (name, given) => {
	const rules = firewallRules(given);
	test.each([
		["asa", asaConfiguration],
		["nftables", nftablesConfiguration],
		["table", firewallTable],
	])("as %s", async (format, write) => {
		await expect(`${write(rules)}\n`).toMatchFileSnapshot(`golden/firewall/${name}.${format}.txt`);
	});
});

test.each(["one-address-several-ports", "not-translated"])(
	"access lists of an ASA to any address: %s",
	async (name) => {
		const given = layouts[name];
		if (!given) throw new Error("there is no such layout");
		const lists = asaConfiguration(firewallRules(given), true).match(/^access-list .*FROM-PEERS.*$/gm) ?? [];
		await expect(`${lists.join("\n")}\n`).toMatchFileSnapshot(`golden/firewall/${name}.asa-any.txt`);
	},
);

describe("names at an ASA, which takes 64 characters of an object's", () => {
	const [inside, outside] = ["192.168.100.200", "198.151.100.200"];
	const namesOf = (namespace: string, federation: string) => {
		const services = new Map([[allNodes, service({ ingress: [inside] })]]);
		const publicIps = new Map([[allNodes, outside]]);
		const text = asaConfiguration(firewallRules(inputs({ namespace, federation, services, publicIps })));
		return [...text.matchAll(/^(?:object(?:-group)? \w+|access-list) (\S+)/gm)].map(([, name = ""]) => name);
	};

	test("are whole where they fit", () => {
		expect(namesOf("c".repeat(28), "example")).toContain(`xmppfed-${"c".repeat(28)}-example-out-${outside}`);
	});

	test("are cut where they do not, and differ between federations", () => {
		const [a, b] = [namesOf("chat", `${"e".repeat(39)}a`), namesOf("chat", `${"e".repeat(39)}b`)];
		expect(a).toHaveLength(6);
		expect([...a, ...b].filter((name) => name.length > 64)).toEqual([]);
		expect(a.filter((name) => b.includes(name))).toEqual([]);
	});

	test("do not change with the release", () => {
		expect(namesOf("chat", "e".repeat(40))).toContain(`xmppfed-chat-${"e".repeat(22)}-7a89b8d4-machines`);
	});
});

describe("notes", () => {
	test.each<[string, Partial<FirewallInputs>, RegExp]>([
		["no address yet", { services: new Map([[allNodes, service({ ingress: [] })]]) }, /has no address yet/],
		[
			"a name for an address",
			{ services: new Map([[allNodes, service({ ingress: ["lb.cloud.example"] })]]) },
			/is reached by the name lb\.cloud\.example/,
		],
		[
			"nothing outside reaches it",
			{ services: new Map([[allNodes, service({ type: "ClusterIP", ingress: [] })]]) },
			/nothing outside the cluster reaches it/,
		],
		["pods cannot be read", { machines: undefined }, /Pods cannot be read/],
		[
			"no machine of a gateway",
			{ services: new Map([[allNodes, service({ type: "NodePort", nodePort: 30_269, ingress: [], machines: [] })]]) },
			/of type NodePort, and no machine is known that a gateway of it runs on/,
		],
		[
			"no address of the family of the public one",
			{ services: new Map([[allNodes, service({ ingress: ["fd00::10"] })]]) },
			/has no address of the kind of 192\.0\.2\.5: IPv4 is not translated to IPv6/,
		],
		["a private address that nothing is said of", { publicIps: new Map() }, /--public-address ADDRESS/],
	])("%s", (_what, changes, note) => {
		expect(firewallRules(inputs(changes)).notes.join("\n")).toMatch(note);
	});

	test("none where all is known", () => {
		expect(firewallRules(inputs({})).notes).toEqual([]);
	});

	test("an address inside of another family is not translated to", () => {
		const services = new Map([[allNodes, service({ ingress: ["fd00::10", "10.0.0.10"] })]]);
		expect(firewallRules(inputs({ services })).inbound.map(({ inside }) => inside.address)).toEqual(["10.0.0.10"]);
	});
});
