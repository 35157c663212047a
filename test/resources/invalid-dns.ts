import { federation, withNode } from "./builders.ts";
import type { InvalidCase } from "./cases.ts";
import { invalid, missing, notAHostName, notAKey, notOf, outOf } from "./refusals.ts";

const withAddress = (fields: object) => withNode({ publicAddress: { hostname: "xmpp-1.example.com", ...fields } });
const notAnIp = "must be an IP address such as 192.0.2.7";

/** Wrong in what peers are told of where the federation is. */
export const invalidDns: readonly InvalidCase[] = [
	invalid(
		"public address: text",
		withNode({ publicAddress: "192.0.2.7" }),
		"spec.nodes[0].publicAddress",
		notOf("object"),
	),
	invalid(
		"public address: no hostname",
		withNode({ publicAddress: { ip: "192.0.2.7" } }),
		"spec.nodes[0].publicAddress.hostname",
		missing,
	),
	invalid(
		"public address: hostname is IPv4",
		withAddress({ hostname: "192.0.2.7" }),
		"spec.nodes[0].publicAddress.hostname",
		notAHostName,
	),
	...["xmpp.example.com", "127.0.0.1", "fe80::1", "192.0.2.7/32", "::ffff:192.0.2.7"].map((ip) =>
		invalid(`public address: ip is ${ip}`, withAddress({ ip }), "spec.nodes[0].publicAddress.ip", notAnIp),
	),
	invalid(
		"public address: port 0",
		withAddress({ port: 0 }),
		"spec.nodes[0].publicAddress.port",
		outOf(1, 65_535).below,
	),
	invalid(
		"public address: port 65536",
		withAddress({ port: 65_536 }),
		"spec.nodes[0].publicAddress.port",
		outOf(1, 65_535).above,
	),
	invalid(
		"public address: annotation key",
		withAddress({ annotations: { "a b": "c" } }),
		"spec.nodes[0].publicAddress.annotations",
		notAKey,
	),
	invalid("dns: text", federation({ dns: "external" }), "spec.dns", notOf("object")),
	invalid("dns: ttl of 29 seconds", federation({ dns: { ttl: 29 } }), "spec.dns.ttl", outOf(30, 604_800).below),
	invalid("dns: ttl over a week", federation({ dns: { ttl: 604_801 } }), "spec.dns.ttl", outOf(30, 604_800).above),
	invalid("external-dns: on", federation({ dns: { externalDNS: true } }), "spec.dns.externalDNS", notOf("object")),
	invalid(
		"external-dns: enabled: text",
		federation({ dns: { externalDNS: { enabled: "yes" } } }),
		"spec.dns.externalDNS.enabled",
		notOf("boolean"),
	),
	invalid(
		"external-dns: a label of the operator's",
		federation({ dns: { externalDNS: { labels: { "app.kubernetes.io/name": "mine" } } } }),
		"spec.dns.externalDNS.labels",
		"are set by the operator",
	),
	invalid(
		"external-dns: annotation key",
		federation({ dns: { externalDNS: { annotations: { "a b": "c" } } } }),
		"spec.dns.externalDNS.annotations",
		notAKey,
	),
	...["priority", "weight"].flatMap((field) => [
		invalid(`dns: ${field} -1`, federation({ dns: { [field]: -1 } }), `spec.dns.${field}`, outOf(0, 65_535).below),
		invalid(
			`dns: ${field} 65536`,
			federation({ dns: { [field]: 65_536 } }),
			`spec.dns.${field}`,
			outOf(0, 65_535).above,
		),
	]),
];
