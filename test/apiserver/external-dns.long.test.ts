import { spawn } from "node:child_process";
import { afterAll, expect, inject, onTestFinished, test } from "vitest";
import { ensureTools } from "../../deploy/toolchain/tools.ts";
import { chatNodeAliasResource } from "../../src/api/chat-node-alias.ts";
import { dnsAsker } from "../../src/dns/asker.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../src/kubernetes/connection.ts";
import { aliasServiceName, publicServiceName } from "../../src/model/names.ts";
import { freePort } from "../lib/free-port.ts";
import { startBind } from "./bind.ts";
import { installDnsEndpointCrd, removeDnsEndpointCrd } from "./dns-endpoints.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { giveAddress } from "./played-load-balancer.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

/** The real external-dns, with its rfc2136 provider, and a real BIND. */
const administrator = () => new KubernetesClient(loadKubeConfig({ kubeconfig: inject("kubeconfig") }));

// Other files run on the same control plane.
afterAll(async () => {
	const client = administrator();
	await removeDnsEndpointCrd(client);
	await client.close();
});

/** Seconds between two looks of external-dns: long enough for the operator to see what is wrong before it is repaired. */
const interval = 10;

async function startExternalDns(namespace: string, { port, key }: Awaited<ReturnType<typeof startBind>>) {
	const { "external-dns": program } = await ensureTools(["external-dns"]);
	const child = spawn(
		"setpriv",
		[
			"--pdeathsig",
			"KILL",
			"--",
			program,
			`--kubeconfig=${inject("kubeconfig")}`,
			`--namespace=${namespace}`,
			"--source=crd",
			"--managed-record-types=A",
			"--managed-record-types=AAAA",
			"--managed-record-types=SRV",
			"--provider=rfc2136",
			"--rfc2136-host=127.0.0.1",
			`--rfc2136-port=${port}`,
			"--rfc2136-zone=example.com",
			`--rfc2136-tsig-keyname=${key.name}`,
			`--rfc2136-tsig-secret=${key.secret}`,
			`--rfc2136-tsig-secret-alg=${key.algorithm}`,
			"--rfc2136-tsig-axfr",
			"--registry=txt",
			"--txt-owner-id=test",
			"--policy=sync",
			`--interval=${interval}s`,
			`--metrics-address=127.0.0.1:${await freePort()}`,
		],
		{ stdio: ["ignore", "ignore", "pipe"] },
	);
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
	const client = testClient();
	const namespace = await freshNamespace(client);
	startOperator(namespace, {}, { askDns: dnsAsker([bind.address]) });
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
