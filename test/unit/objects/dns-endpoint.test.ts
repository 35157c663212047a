import { expect, test } from "vitest";
import { dnsEndpoint } from "../../../src/objects/dns-endpoint.ts";
import { dnsRecords } from "../../../src/status/dns-records.ts";
import { modelled, sample } from "../fixtures/federation.ts";

const { intent } = modelled(
	sample("smallest", (spec) => {
		spec.additionalDomains = ["conference.example.com"];
		spec.service = { hostname: "xmpp.example.com" };
		spec.nodes = [
			{ name: "gw-1", federation: "Enabled", publicAddress: { hostname: "xmpp-1.example.com", port: 25_269 } },
			{ name: "gw-2", federation: "Enabled" },
		];
		spec.dns = { externalDNS: { enabled: true, annotations: { zone: "public" }, labels: { team: "chat" } } };
	}),
);
const services = {
	public: { name: "p", ingress: ["192.0.2.5", "2001:db8::5"] },
	nodes: new Map([["gw-1", { name: "p-1", ingress: ["192.0.2.11"] }]]),
};
const made = (records = dnsRecords({ intent, services })) => {
	const { externalDNS } = intent.dns;
	if (!externalDNS) throw new Error("the federation asks for external-dns");
	return dnsEndpoint(intent, externalDNS, records);
};

test("has each name and type once, with all its data; the hosts of SRV records end with a dot, names do not", () => {
	const srv = ["0 0 5269 xmpp.example.com.", "0 0 25269 xmpp-1.example.com."];
	const set = (dnsName: string, recordType: string, targets: readonly string[]) => ({
		dnsName,
		recordType,
		recordTTL: 300,
		targets,
	});
	expect(made().spec.endpoints).toEqual([
		set("_xmpp-server._tcp.example.com", "SRV", srv),
		set("_xmpp-server._tcp.conference.example.com", "SRV", srv),
		set("xmpp.example.com", "A", ["192.0.2.5"]),
		set("xmpp.example.com", "AAAA", ["2001:db8::5"]),
		set("xmpp-1.example.com", "A", ["192.0.2.11"]),
	]);
	expect(made([]).spec.endpoints).toEqual([]);
});

test("carries what it was given, and is the federation's", () => {
	const { metadata } = made();
	expect(metadata.annotations).toEqual({ zone: "public" });
	expect(metadata.labels).toMatchObject({ team: "chat", "app.kubernetes.io/managed-by": "xmpp-federation-operator" });
	expect(metadata.ownerReferences).toEqual([expect.objectContaining({ uid: intent.uid, controller: true })]);
});
