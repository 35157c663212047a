import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { ensureTools } from "../../deploy/toolchain/tools.ts";
import { chatNodeAliasResource } from "../../src/api/chat-node-alias.ts";
import { dnsAsker } from "../../src/dns/asker.ts";
import { aliasServiceName, publicServiceName } from "../../src/model/names.ts";
import { externalDnsArguments, tsigSecretVariable } from "../lib/external-dns.ts";
import { freePort } from "../lib/free-port.ts";
import { startBind } from "./bind.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { applyCrds } from "./crds.ts";
import { installDnsEndpointCrd } from "./dns-endpoints.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { giveAddress } from "./played-load-balancer.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

/**
 * The real external-dns, with its rfc2136 provider, and a real BIND. On a control plane of its own: the definition of
 * DNSEndpoint is one for a whole cluster, and other tests say what becomes of a federation without it.
 */
let own: ControlPlane;
beforeAll(async () => {
	own = await startControlPlane(inject("binaries"));
});
afterAll(async () => await own?.stop());

/** Seconds between two looks of external-dns: long enough for the operator to see what is wrong before it is repaired. */
const interval = 10;

/** external-dns with the arguments that the guide gives, outside the cluster. */
async function startExternalDns(namespace: string, bind: Awaited<ReturnType<typeof startBind>>) {
	const { "external-dns": program } = await ensureTools(["external-dns"]);
	const place = [
		`--kubeconfig=${own.kubeconfig}`,
		`--namespace=${namespace}`,
		`--metrics-address=127.0.0.1:${await freePort()}`,
	];
	const command = [
		"--pdeathsig",
		"KILL",
		"--",
		program,
		...place,
		...(await externalDnsArguments({ ...bind, interval })),
	];
	const child = spawn("setpriv", command, {
		env: { ...process.env, [tsigSecretVariable]: bind.key.secret },
		stdio: ["ignore", "ignore", "pipe"],
	});
	let log = "";
	child.stderr.on("data", (chunk: Buffer) => {
		log += chunk.toString("utf8");
	});
	onTestFinished(async () => {
		if (child.exitCode !== null) return;
		const gone = new Promise((resolve) => child.once("exit", resolve));
		child.kill("SIGTERM");
		await gone;
	});
	return { log: () => log };
}

test("external-dns publishes what the operator tells it, and repairs it; DNSPublished says what DNS has all the while", async () => {
	const bind = await startBind("example.com");
	const client = testClient({}, own.kubeconfig);
	await applyCrds(client);
	const namespace = await freshNamespace(client);
	startOperator(namespace, {}, { kubeconfig: own.kubeconfig, askDns: dnsAsker([`${bind.host}:${bind.port}`]) });
	const spec = {
		service: { hostname: "xmpp.example.com" },
		dns: { ttl: 60, externalDNS: { enabled: true } },
	};
	await client.create(federations, federation(namespace, "example", spec));
	const give = async (service: string, ip: string) => await giveAddress(client, namespace, service, ip);
	await give(publicServiceName("example"), "192.0.2.5");
	const missing = async () => (await condition(client, namespace, "example", "Degraded"))?.text;
	await eventually(async () => (await missing()) === "True ExternalDNSMissing", "Degraded");
	await installDnsEndpointCrd(client);
	const dns = await startExternalDns(namespace, bind);
	const verdict = async (text: string) => {
		const found = await eventually(
			async () => {
				const now = await condition(client, namespace, "example", "DNSPublished");
				if (now?.text !== text) throw new Error(`${JSON.stringify(now)}\n${dns.log()}`);
				return now;
			},
			`DNSPublished is ${text}`,
			120_000,
		);
		return found.message;
	};

	expect(await verdict("True Published")).toBe("Peers find every record of status.dnsRecords.");
	expect(await bind.dig("_xmpp-server._tcp.example.com", "SRV")).toEqual([
		"_xmpp-server._tcp.example.com. 60 IN SRV 0 0 5269 xmpp.example.com.",
	]);

	await bind.update("update delete xmpp.example.com. A", "update add xmpp.example.com. 60 A 192.0.2.99");
	expect(await verdict("False Drifted")).toBe("xmpp.example.com. is 192.0.2.99; it should be 192.0.2.5.");
	await verdict("True Published");
	expect(await bind.dig("xmpp.example.com", "A")).toEqual(["xmpp.example.com. 60 IN A 192.0.2.5"]);

	await bind.update("update delete _xmpp-server._tcp.example.com. SRV");
	expect(await verdict("False Missing")).toContain("_xmpp-server._tcp.example.com. has no SRV record");
	await verdict("True Published");

	await client.create(chatNodeAliasResource, {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "ChatNodeAlias",
		metadata: { name: "rooms", namespace },
		spec: {
			federationRef: { name: "example" },
			alias: "rooms.example.com",
			node: "gw-2",
			exposure: "Direct",
			hostname: "rooms-host.example.com",
			publicPort: 25_269,
		},
	});
	await give(aliasServiceName("example", "rooms"), "192.0.2.6");
	await verdict("False Missing");
	await verdict("True Published");
	expect(await bind.dig("_xmpp-server._tcp.rooms.example.com", "SRV")).toEqual([
		"_xmpp-server._tcp.rooms.example.com. 60 IN SRV 0 0 25269 rooms-host.example.com.",
	]);
	expect(await bind.dig("rooms-host.example.com", "A")).toEqual(["rooms-host.example.com. 60 IN A 192.0.2.6"]);

	// rfc2136 of external-dns does not look for SRV records in the zone, so it takes none back: what is left is told.
	await client.mergePatch(federations, namespace, "example", { spec: { dns: { priority: 10 } } });
	await verdict("False Drifted");
	expect(await verdict("True Published")).toContain(
		"Others are published as well: _xmpp-server._tcp.example.com. 0 0 5269 xmpp.example.com.",
	);
	// Of what is no record of the federation any more, the address goes.
	await client.delete(chatNodeAliasResource, namespace, "rooms");
	await eventually(
		async () => (await bind.dig("rooms-host.example.com", "A")).length === 0,
		"the address to go",
		120_000,
	);
});
