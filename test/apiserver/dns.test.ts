import { beforeAll, expect, test } from "vitest";
import { buildKubectlPlugin } from "../../deploy/build.ts";
import { chatNodeAliasResource } from "../../src/api/chat-node-alias.ts";
import { dnsAsker } from "../../src/dns/asker.ts";
import { services } from "../../src/kubernetes/resources.ts";
import { aliasServiceName, publicServiceName } from "../../src/model/names.ts";
import { kubectlXmppfed, xmppfed } from "./cli-support.ts";
import { startNameServer } from "./name-server.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { placePods, playCluster } from "./played-cluster.ts";
import { giveAddress } from "./played-load-balancer.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

beforeAll(async () => void (await buildKubectlPlugin()));

/** A federation whose Service has been given an address: nothing here does that by itself. */
async function published(spec: Record<string, unknown>, askDns?: ReturnType<typeof dnsAsker>) {
	const client = testClient();
	const namespace = await freshNamespace(client);
	startOperator(namespace, {}, askDns && { askDns });
	await client.create(
		federations,
		federation(namespace, "example", { service: { hostname: "xmpp.example.com" }, ...spec }),
	);
	const give = async (service: string, ip: string) => await giveAddress(client, namespace, service, ip);
	await give(publicServiceName("example"), "192.0.2.5");
	const shown = async (text: string) =>
		await eventually(
			async () => (await xmppfed(["dns", "show", "-n", namespace])).stdout.includes(text),
			`dns show has ${text}`,
		);
	await shown("192.0.2.5");
	return { client, namespace, give, shown };
}

test("the zone that is shown is what a name server serves and peers find", async () => {
	const server = await startNameServer("example.com");
	const spec = { additionalDomains: ["conference.example.com"], dns: { ttl: 60 } };
	const { client, namespace } = await published(spec, dnsAsker([server.address]));
	const verdict = async (text: string) =>
		await eventually(
			async () => (await condition(client, namespace, "example", "DNSPublished"))?.text === text,
			`DNSPublished is ${text}`,
		);
	await verdict("False Missing");
	const check = ["dns", "check", "conference.example.com", "--server", server.address];
	const before = await xmppfed(check);
	expect(before.code).toBe(2);
	expect(before.stdout).toContain("conference.example.com has neither an SRV record nor an address");

	const zone = await xmppfed(["dns", "show", "example", "-n", namespace, "-o", "zone"]);
	expect(zone.stdout).toBe(
		"_xmpp-server._tcp.example.com. 60 IN SRV 0 0 5269 xmpp.example.com.\n" +
			"_xmpp-server._tcp.conference.example.com. 60 IN SRV 0 0 5269 xmpp.example.com.\n" +
			"xmpp.example.com. 60 IN A 192.0.2.5\n",
	);
	await server.publish(zone.stdout);
	await verdict("True Published");
	const after = await xmppfed(check);
	expect(after.code).toBe(0);
	expect(after.stdout).toMatch(/^0 +0 +xmpp\.example\.com +5269 +192\.0\.2\.5$/m);

	await server.publish(zone.stdout.replace("A 192.0.2.5", "A 192.0.2.99"));
	await verdict("False Drifted");
	const { message } = (await condition(client, namespace, "example", "DNSPublished")) ?? {};
	expect(message).toBe("xmpp.example.com. is 192.0.2.99; it should be 192.0.2.5.");
});

test("a node with an address of its own has a Service, a record and a firewall rule", async () => {
	const own = { hostname: "xmpp-1.example.com", ip: "192.0.2.11", port: 25_269 };
	const nodes = [
		{ name: "gw-1", federation: "Enabled", publicAddress: own },
		{ name: "gw-2", federation: "Enabled" },
	];
	const { client, namespace, give, shown } = await published({ nodes });
	await shown("0 0 25269 xmpp-1.example.com.");
	const { items } = await client.list(services, { namespace });
	const service = items.find(({ spec }) => spec?.ports?.some(({ port }) => port === 25_269));
	await give(service?.metadata.name ?? "", "10.0.0.11");
	await eventually(
		async () => (await xmppfed(["status", "example", "-n", namespace])).stdout.includes("10.0.0.11"),
		"status has the node's endpoint",
	);
	const asa = await kubectlXmppfed(["firewall", "example", "-n", namespace, "--format", "asa"]);
	expect(asa.stderr).toBe("");
	expect(asa.stdout).toMatch(
		/^nat \(inside,outside\) source static \S+-in-10\.0\.0\.11 \S+-out-192\.0\.2\.11 service /m,
	);
	expect(asa.stdout).toMatch(/permit tcp any object \S+-in-10\.0\.0\.11 eq 25269$/m);
	expect(asa.stdout).toMatch(/permit tcp any object \S+-in-192\.0\.2\.5 eq 5269$/m);

	await client.mergePatch(federations, namespace, "example", { spec: { nodes: [nodes[1]] } });
	await eventually(
		async () =>
			!(await client.list(services, { namespace })).items.some(
				({ metadata }) => metadata.name === service?.metadata.name,
			),
		"the node's Service is gone",
	);
});

test("by node ports a firewall is led to the machine that the pod of a node, or of an alias' chat node, runs on", async () => {
	const own = (port: number) => ({ hostname: "edge.example.com", ip: "192.0.2.5", port });
	const nodes = [
		{ name: "gw-1", federation: "Enabled", publicAddress: own(5269) },
		{ name: "gw-2", federation: "Enabled", publicAddress: own(25_269) },
	];
	const client = testClient();
	const namespace = await freshNamespace(client);
	playCluster(client, namespace);
	startOperator(namespace);
	await client.create(chatNodeAliasResource, {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "ChatNodeAlias",
		metadata: { name: "rooms", namespace },
		spec: {
			federationRef: { name: "example" },
			alias: "rooms.example.com",
			node: "gw-2",
			exposure: "Direct",
			hostname: "edge.example.com",
			ip: "192.0.2.5",
			publicPort: 35_269,
		},
	});
	await client.create(federations, federation(namespace, "example", { service: { type: "NodePort" }, nodes }));
	await placePods(client, namespace, "example", { "gw-1": ["10.0.1.1"], "gw-2": ["10.0.1.2", "2001:db8:1::2"] });
	const lines = await eventually(async () => {
		const { stdout } = await xmppfed(["firewall", "example", "-n", namespace]);
		if (!/^out +2001:db8:1::2 /m.test(stdout)) throw new Error(stdout);
		const found = stdout.split("\n").filter((line) => line.includes("192.0.2.5:"));
		return found.length === 3 && found;
	}, "the Services of both nodes and of the alias");
	expect(lines).toEqual([
		expect.stringMatching(/ 192\.0\.2\.5:5269 +10\.0\.1\.1:3\d{4} +peers to node gw-1$/),
		expect.stringMatching(/ 192\.0\.2\.5:25269 +10\.0\.1\.2:3\d{4} +peers to node gw-2$/),
		expect.stringMatching(/ 192\.0\.2\.5:35269 +10\.0\.1\.2:3\d{4} +peers to alias rooms\.example\.com, at node gw-2$/),
	]);
});

test("aliases have records, and Direct ones firewall rules; a name server serves them", async () => {
	const server = await startNameServer("example.com");
	const nodes = [
		{ name: "gw-1", federation: "Enabled" },
		{ name: "gw-2", federation: "Enabled" },
	];
	const { client, namespace, give, shown } = await published({ nodes }, dnsAsker([server.address]));
	const alias = async (name: string, spec: object) =>
		await client.create(chatNodeAliasResource, {
			apiVersion: "xmppfed.dev/v1alpha1",
			kind: "ChatNodeAlias",
			metadata: { name, namespace },
			spec: { federationRef: { name: "example" }, node: "gw-2", ...spec },
		});
	await alias("1-nested", { alias: "conference-2.StandAloneCluster.example.com" });
	const direct = { exposure: "Direct", hostname: "c.example.com", ip: "192.0.2.5", publicPort: 25_269 };
	await alias("2-direct", { alias: "rooms.example.com", ...direct });
	await give(aliasServiceName("example", "2-direct"), "10.0.0.12");
	await shown("0 0 25269 c.example.com.");

	const zone = await xmppfed(["dns", "show", "example", "-n", namespace, "-o", "zone"]);
	expect(zone.stdout).toBe(
		"_xmpp-server._tcp.example.com. 300 IN SRV 0 0 5269 xmpp.example.com.\n" +
			"_xmpp-server._tcp.conference-2.standalonecluster.example.com. 300 IN SRV 0 0 5269 xmpp.example.com.\n" +
			"_xmpp-server._tcp.rooms.example.com. 300 IN SRV 0 0 25269 c.example.com.\n" +
			"xmpp.example.com. 300 IN A 192.0.2.5\n" +
			"c.example.com. 300 IN A 192.0.2.5\n",
	);
	await server.publish(zone.stdout);
	await eventually(
		async () => (await condition(client, namespace, "example", "DNSPublished"))?.text === "True Published",
		"the records to be found",
	);
	const rules = await xmppfed(["firewall", "example", "-n", namespace]);
	expect(rules.stdout).toMatch(
		/^in +any +any +192\.0\.2\.5:25269 +10\.0\.0\.12:25269 +peers to alias rooms\.example\.com, at node gw-2$/m,
	);
});

test.each([
	[["dns", "show", "-o", "xml"], '-o takes table, zone, json or yaml, not "xml"\nSee: kubectl xmppfed dns show --help'],
	[["dns", "check"], "DOMAIN is missing\nSee: kubectl xmppfed dns check --help"],
	[["dns", "check", "alice@peer.example"], 'DOMAIN is one such as partner.example, not "alice@peer.example"'],
	[
		["dns", "check", "peer.example", "-s", "ns.example"],
		'--server takes an address such as 192.0.2.53, not "ns.example"',
	],
	[["firewall", "-o", "pf"], '-o takes table, asa, nftables, json or yaml, not "pf"'],
	[["firewall", "--format", "pf"], '--format takes table, asa, nftables, json or yaml, not "pf"'],
	[["firewall", "--any"], "--any goes with -o asa"],
	[["firewall", "--public-address", "192.0.2.5"], "--public-address needs a NAME"],
	[
		["firewall", "example", "--public-address", "xmpp.example.com"],
		'--public-address takes an address, not "xmpp.example.com"',
	],
])("%j is refused", async (args, message) => {
	const { code, stderr } = await xmppfed(args);
	expect(code).toBe(1);
	expect(stderr).toContain(`error: ${message}`);
});
