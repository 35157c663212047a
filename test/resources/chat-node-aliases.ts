import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { root } from "../../deploy/generate.ts";
import { type Fields, longName } from "./builders.ts";
import type { InvalidCase, Resource, ValidCase } from "./cases.ts";
import {
	invalid,
	missing,
	notADomain,
	notAHost,
	notAHostName,
	notAKey,
	notAnObject,
	notOf,
	notOneOf,
	outOf,
	tooLong,
	tooShort,
} from "./refusals.ts";

/** The smallest alias with other fields in its spec; a field of value undefined is taken out. */
export function alias(spec: Fields = {}, name = "conference-1"): Resource {
	const smallest = { federationRef: { name: "example" }, alias: "conference-1.example.com", node: "gw-1" };
	return {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "ChatNodeAlias",
		metadata: { name },
		spec: Object.fromEntries(Object.entries({ ...smallest, ...spec }).filter(([, value]) => value !== undefined)),
	};
}

const direct = (spec: Fields = {}) => alias({ exposure: "Direct", hostname: "c1.example.com", ...spec });

function samples(): readonly Resource[] {
	const file = readFileSync(join(root, "deploy/samples/aliases.yaml"), "utf8");
	return [...parseAllDocuments(file)].map((document): Resource => document.toJS());
}

export const validCases: readonly ValidCase[] = [
	...samples().map((resource, index) => ({ name: `sample ${index + 1}`, resource })),
	{ name: "smallest", resource: alias() },
	{ name: "Shared in so many words", resource: alias({ exposure: "Shared" }) },
	{ name: "nested alias in mixed case", resource: alias({ alias: "conference-2.StandAloneCluster.example.com" }) },
	{ name: "flat alias in mixed case", resource: alias({ alias: "conference-2-StandAloneCluster.example.com" }) },
	{ name: "alias in its xn-- form", resource: alias({ alias: "xn--rume-loa.example" }) },
	{ name: "alias of 253 characters", resource: alias({ alias: longName(253) }) },
	{ name: "name with dots", resource: alias({}, "conference-1.example.com") },
	{ name: "upstream", resource: alias({ upstream: { host: "10.0.3.9", port: 5270 } }) },
	{ name: "smallest Direct", resource: direct() },
	{ name: "Direct with another port", resource: direct({ publicPort: 25269 }) },
	{ name: "Direct with an IPv6 address", resource: direct({ ip: "2001:db8::12" }) },
	{ name: "Direct by NodePort", resource: direct({ service: { type: "NodePort", externalTrafficPolicy: "Local" } }) },
	{ name: "Direct with an empty Service", resource: direct({ service: {} }) },
];

const onlyDirect = (field: string) => `${field} has an effect with exposure: Direct only`;

export const invalidCases: readonly InvalidCase[] = [
	invalid("name in upper case", alias({}, "Conference"), "metadata.name", {
		zod: notAnObject,
		apiserver: "a lowercase RFC 1123 subdomain",
	}),
	invalid("no federation", alias({ federationRef: undefined }), "spec.federationRef", missing),
	invalid(
		"federation: no name of one",
		alias({ federationRef: { name: "example.com" } }),
		"spec.federationRef.name",
		"must be a name such as example-com",
	),
	invalid("no alias", alias({ alias: undefined }), "spec.alias", missing),
	...[
		["empty label", "conference..example.com"],
		["one label", "conference"],
		["dot at the end", "conference.example.com."],
		["IPv4 address", "192.0.2.1"],
		["a room", "lobby@conference.example.com"],
		["port", "conference.example.com:5269"],
		["wildcard", "*.example.com"],
		["Unicode", "räume.example.com"],
	].map(([name, domain]) => invalid(`alias: ${name}`, alias({ alias: domain }), "spec.alias", notADomain)),
	invalid("alias: empty", alias({ alias: "" }), "spec.alias", tooShort(253)),
	invalid("alias: 254 characters", alias({ alias: longName(254) }), "spec.alias", tooLong(253)),
	invalid(
		"upstream: port 0",
		alias({ upstream: { host: "rooms.chat.svc", port: 0 } }),
		"spec.upstream.port",
		outOf(1, 65_535).below,
	),
	invalid("publicPort: 65536", direct({ publicPort: 65_536 }), "spec.publicPort", outOf(1, 65_535).above),
	invalid("no node", alias({ node: undefined }), "spec.node", missing),
	invalid("node: no name of one", alias({ node: "GW-1" }), "spec.node", "must be a name such as gw-1"),
	invalid("node: 41 characters", alias({ node: "n".repeat(41) }), "spec.node", tooLong(40)),
	invalid("upstream: a text", alias({ upstream: "rooms.chat.svc" }), "spec.upstream", notOf("object")),
	invalid("upstream without host", alias({ upstream: {} }), "spec.upstream.host", missing),
	invalid("upstream: this machine", alias({ upstream: { host: "127.0.0.1" } }), "spec.upstream.host", notAHost),
	invalid("exposure: another word", alias({ exposure: "Public" }), "spec.exposure", notOneOf),
	invalid("Direct without hostname", alias({ exposure: "Direct" }), "spec.hostname", "a Direct alias needs a hostname"),
	invalid("hostname: an address", direct({ hostname: "192.0.2.7" }), "spec.hostname", notAHostName),
	invalid("hostname of a Shared one", alias({ hostname: "c1.example.com" }), "spec.hostname", onlyDirect("hostname")),
	invalid("ip: a name", direct({ ip: "c1.example.com" }), "spec.ip", "must be an IP address such as 192.0.2.7"),
	invalid("ip of a Shared one", alias({ ip: "192.0.2.7", exposure: "Shared" }), "spec.ip", onlyDirect("ip")),
	invalid("publicPort of a Shared one", alias({ publicPort: 25269 }), "spec.publicPort", onlyDirect("publicPort")),
	invalid("service of a Shared one", alias({ service: {} }), "spec.service", onlyDirect("service")),
	invalid("service: type", direct({ service: { type: "ExternalName" } }), "spec.service.type", notOneOf),
	invalid(
		"service: annotations are a list",
		direct({ service: { annotations: [] } }),
		"spec.service.annotations",
		notOf("record", "object"),
	),
	invalid(
		"service: class",
		direct({ service: { loadBalancerClass: "a/b/c" } }),
		"spec.service.loadBalancerClass",
		notAKey,
	),
	invalid(
		"service: traffic of ClusterIP",
		direct({ service: { type: "ClusterIP", externalTrafficPolicy: "Local" } }),
		"spec.service.externalTrafficPolicy",
		"leave externalTrafficPolicy out",
	),
	invalid(
		"service: families",
		direct({ service: { ipFamilyPolicy: "DualStack" } }),
		"spec.service.ipFamilyPolicy",
		notOneOf,
	),
	invalid(
		"service: sourceRanges without LoadBalancer",
		direct({ service: { type: "NodePort", sourceRanges: ["192.0.2.0/24"] } }),
		"spec.service.sourceRanges",
		"sourceRanges has an effect with type: LoadBalancer only",
	),
	invalid(
		"service: labels of the operator",
		direct({ service: { labels: { "xmppfed.dev/node": "gw-1" } } }),
		"spec.service.labels",
		"are set by the operator",
	),
];
