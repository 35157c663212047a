import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../../deploy/generate.ts";

/**
 * Resources that are right and resources that are wrong. zod (test/unit/api) and a real API server (test/apiserver) must
 * agree on every one of them.
 */
export interface Resource {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: { readonly name: string };
	readonly spec: unknown;
}

export interface ValidCase {
	readonly name: string;
	readonly resource: Resource;
}

export interface InvalidCase {
	readonly name: string;
	readonly resource: Resource;
	/** The field that must be named, such as spec.nodes[1].published. */
	readonly field: string;
	/** What the message must contain: a text of ours, which both checkers say, or what each says in its own words. */
	readonly says: string | { readonly zod: string; readonly apiserver: string };
}

type Fields = Readonly<Record<string, unknown>>;

const upstream = { host: "xmpp.chat.svc" };
const nodes = [{ name: "gw-1", federation: "Enabled" }];

/** The smallest resource with other fields in its spec; a field of value undefined is taken out. */
function federation(spec: Fields = {}, name = "example"): Resource {
	const whole = Object.entries({ domain: "example.com", upstream, nodes, ...spec });
	return {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "XmppFederation",
		metadata: { name },
		spec: Object.fromEntries(whole.filter(([, value]) => value !== undefined)),
	};
}

const withNode = (fields: Fields) => federation({ nodes: [{ name: "gw-1", federation: "Enabled", ...fields }] });
const withToleration = (fields: Fields) => withNode({ tolerations: [fields] });
const withLimits = (fields: Fields) => withNode({ resources: { limits: fields } });
const withRequests = (fields: Fields) => withNode({ resources: { requests: fields } });
const withService = (service: Fields) => federation({ service });
const withHost = (host: unknown) => federation({ upstream: { host } });

function sample(file: string): Resource {
	return parse(readFileSync(join(root, "deploy/samples", file), "utf8"));
}

/** A domain of the given length. */
function longName(length: number): string {
	return `${"a.".repeat(length).slice(0, length - 3)}com`;
}

/** Texts that must never get out of where they are put: Lua, shell, YAML, JSON, templates, Unicode. */
export const hostileTexts: readonly string[] = [
	`"`,
	"'",
	`"]]; os.execute("id") --[[`,
	`\\"; os.exit() --`,
	"a\nb",
	"a\r\nb",
	"\u0000",
	"\\x00",
	"]]",
	"${HOME}",
	"$(id)",
	"`id`",
	"{{ .Values.x }}",
	"%s%n",
	"../../etc/passwd",
	"<a xmlns='x'/>",
	"a b",
	" ",
	"é",
	"\u202Eexample.com",
	"example。com",
	"🙂",
	"x".repeat(2000),
];

/** A long text of characters that are two UTF-16 units each: 16,384 characters for the API server. */
const emoji = "🙂".repeat(16_384);

export const validCases: readonly ValidCase[] = [
	{ name: "sample: smallest", resource: sample("smallest.yaml") },
	{ name: "sample: full", resource: sample("full.yaml") },
	{ name: "domain in upper case", resource: federation({ domain: "StandAloneCluster.EXAMPLE.com" }) },
	{ name: "domain with digits and hyphens", resource: federation({ domain: "1-2--3.4.x--y" }) },
	{ name: "domain in its xn-- form", resource: federation({ domain: "xn--bcher-kva.xn--p1ai" }) },
	{ name: "domain of 253 characters", resource: federation({ domain: longName(253) }) },
	{ name: "domain with a label of 63 characters", resource: federation({ domain: `${"a".repeat(63)}.example` }) },
	{ name: "name of 40 characters", resource: federation({}, "a".repeat(40)) },
	{ name: "no additional domains", resource: federation({ additionalDomains: [] }) },
	{
		name: "32 additional domains of 253 characters",
		resource: federation({ additionalDomains: Array.from({ length: 32 }, (_, i) => `${i}${longName(250)}`) }),
	},
	{ name: "upstream: IPv4 address", resource: withHost("10.0.0.1") },
	{ name: "upstream: IPv6 address", resource: withHost("2001:db8::1") },
	{ name: "upstream: IPv6 address that ends in IPv4 form", resource: withHost("2001:db8::10.0.0.1") },
	{ name: "upstream: unique local IPv6 address", resource: withHost("fd00::1") },
	{ name: "upstream: Service in full", resource: withHost("xmpp.chat.svc.cluster.local") },
	{ name: "upstream: lowest and highest port", resource: federation({ upstream: { host: "10.0.0.1", port: 65_535 } }) },
	{
		name: "all nodes Disabled",
		resource: federation({ nodes: [{ name: "a" }, { name: "b", federation: "Disabled" }] }),
	},
	{ name: "Disabled node that is not published", resource: federation({ nodes: [{ name: "a", published: false }] }) },
	{
		name: "32 nodes with names of 40 characters",
		resource: federation({ nodes: Array.from({ length: 32 }, (_, i) => ({ name: `${"n".repeat(38)}${i + 10}` })) }),
	},
	{ name: "node name of one digit", resource: federation({ nodes: [{ name: "1" }] }) },
	{ name: "quantities: integers", resource: withLimits({ cpu: 2, memory: 67_108_864, "ephemeral-storage": 0 }) },
	{ name: "quantities: fractions and suffixes", resource: withLimits({ cpu: "0.5", memory: "1.5Gi" }) },
	{
		name: "quantities: exponents",
		resource: withRequests({ cpu: "250m", memory: "1e6", "ephemeral-storage": ".5E-3" }),
	},
	{ name: "empty resources", resource: withNode({ resources: { requests: {}, limits: {} } }) },
	{ name: "toleration of every taint", resource: withToleration({ operator: "Exists" }) },
	{ name: "toleration with an empty value", resource: withToleration({ key: "a", operator: "Exists", value: "" }) },
	{ name: "toleration without operator", resource: withToleration({ key: "example.com/a", value: "b" }) },
	{
		name: "node selector with an empty value and a long key",
		resource: withNode({ nodeSelector: { a: "", [`${longName(253)}/${"k".repeat(63)}`]: "V.1_2-3" } }),
	},
	{ name: "empty affinity", resource: withNode({ affinity: {} }) },
	{
		name: "affinity keeps what Kubernetes may know and we do not",
		resource: withNode({ affinity: { nodeAffinity: { newField: [{ hostile: hostileTexts }] } } }),
	},
	{ name: "empty security", resource: federation({ security: {} }) },
	{ name: "empty service", resource: withService({}) },
	{
		name: "service: NodePort with Cluster",
		resource: withService({ type: "NodePort", externalTrafficPolicy: "Cluster" }),
	},
	{ name: "service: ClusterIP", resource: withService({ type: "ClusterIP", ipFamilyPolicy: "SingleStack" }) },
	{
		name: "service: class and ranges without type",
		resource: withService({ loadBalancerClass: "a", sourceRanges: [] }),
	},
	{
		name: "service: ranges of one address, of all",
		resource: withService({ sourceRanges: ["192.0.2.7/32", "::/0", "2001:db8::1/128", "10.128.0.0/9"] }),
	},
	{
		name: "service: annotations with hostile values",
		resource: withService({
			annotations: Object.fromEntries(hostileTexts.map((text, i) => [`example.com/${i}`, text])),
		}),
	},
	{ name: "service: annotation of 16,384 emoji", resource: withService({ annotations: { a: emoji } }) },
	{ name: "empty resolver", resource: federation({ resolver: {} }) },
	{ name: "resolver off", resource: federation({ resolver: { enabled: false } }) },
	{ name: "image: short name", resource: federation({ image: "gateway" }) },
	{
		name: "image: registry with port, digest",
		resource: federation({ image: `localhost:5000/a/b_c:1@sha256:${"0".repeat(64)}` }),
	},
	{ name: "image: name of a build", resource: federation({ image: "localhost/xmppfed-gateway:dev" }) },
];

const notADomain = "must be a domain such as example.com";
const notAHostName = "the target of an SRV record is a name, never an address";
const notAHost = "must be a full host name such as xmpp.example.com";
const notANetwork = "must be an address block such as 192.0.2.0/24";
const notAnObject = "must be the name of an object";
const notAQuantity = "must be a quantity such as 250m";
const notAKey = "must be a name such as example.com/name";
const notALabelValue = "must be the value of a label";
const missing = { zod: "is missing: set it", apiserver: "Required value" };
const tooMany = (most: number) => ({ zod: `<=${most} items`, apiserver: `must have at most ${most} items` });
const tooLong = (most: number, least = 1) => ({
	zod: least === 0 ? `must have at most ${most} characters` : `must have ${least} to ${most} characters`,
	apiserver: `may not be more than ${most} bytes`,
});
const tooShort = (most: number) => ({
	zod: `must have 1 to ${most} characters`,
	apiserver: "should be at least 1 chars long",
});
const notOf = (zodType: string, type = zodType) => ({
	zod: `expected ${zodType}`,
	apiserver: `must be of type ${type}`,
});
const notOneOf = { zod: "expected one of", apiserver: "supported values" };

function invalid(name: string, resource: Resource, field: string, says: InvalidCase["says"]): InvalidCase {
	return { name, resource, field, says };
}

const ordinaryCases: readonly InvalidCase[] = [
	invalid("name with a dot", federation({}, "example.com"), "metadata.name", "must be a name such as example-com"),
	invalid("name that starts with a digit", federation({}, "1a"), "metadata.name", "with a letter first"),
	invalid("name of 41 characters", federation({}, "a".repeat(41)), "metadata.name", tooLong(40)),

	invalid("no domain", federation({ domain: undefined }), "spec.domain", missing),
	invalid("domain: empty", federation({ domain: "" }), "spec.domain", tooShort(253)),
	invalid("domain: one label", federation({ domain: "example" }), "spec.domain", notADomain),
	invalid("domain: dot at the end", federation({ domain: "example.com." }), "spec.domain", notADomain),
	invalid("domain: two dots", federation({ domain: "example..com" }), "spec.domain", notADomain),
	invalid("domain: IPv4 address", federation({ domain: "192.0.2.1" }), "spec.domain", notADomain),
	invalid("domain: IPv6 address", federation({ domain: "2001:db8::1" }), "spec.domain", notADomain),
	invalid("domain: bare JID", federation({ domain: "user@example.com" }), "spec.domain", notADomain),
	invalid("domain: with resource", federation({ domain: "example.com/x" }), "spec.domain", notADomain),
	invalid("domain: with port", federation({ domain: "example.com:5269" }), "spec.domain", notADomain),
	invalid("domain: wildcard", federation({ domain: "*.example.com" }), "spec.domain", notADomain),
	invalid("domain: underscore", federation({ domain: "a_b.example.com" }), "spec.domain", notADomain),
	invalid("domain: hyphen first", federation({ domain: "-a.example.com" }), "spec.domain", notADomain),
	invalid("domain: hyphen last", federation({ domain: "a-.example.com" }), "spec.domain", notADomain),
	invalid("domain: digits last", federation({ domain: "example.123" }), "spec.domain", notADomain),
	invalid("domain: Unicode", federation({ domain: "bücher.example" }), "spec.domain", "in its xn-- form"),
	invalid(
		"domain: label of 64 characters",
		federation({ domain: `${"a".repeat(64)}.example` }),
		"spec.domain",
		notADomain,
	),
	invalid("domain: 254 characters", federation({ domain: longName(254) }), "spec.domain", tooLong(253)),
	invalid("domain: number", federation({ domain: 5 }), "spec.domain", notOf("string")),

	invalid(
		"additional domain: one label",
		federation({ additionalDomains: ["a"] }),
		"spec.additionalDomains[0]",
		notADomain,
	),
	invalid(
		"additional domain: the domain",
		federation({ additionalDomains: ["a.example", "Example.COM"] }),
		"spec.additionalDomains",
		"spec.domain is one of the domains already",
	),
	invalid(
		"additional domains: two that differ by case",
		federation({ additionalDomains: ["a.example", "A.example"] }),
		"spec.additionalDomains",
		"has a domain twice",
	),
	invalid(
		"additional domains: one twice",
		federation({ additionalDomains: ["a.example", "a.example"] }),
		"spec.additionalDomains[1]",
		{
			zod: "stands here a second time",
			apiserver: "Duplicate value",
		},
	),
	invalid(
		"additional domains: 33",
		federation({ additionalDomains: Array.from({ length: 33 }, (_, i) => `a${i}.example`) }),
		"spec.additionalDomains",
		tooMany(32),
	),

	invalid("no upstream", federation({ upstream: undefined }), "spec.upstream", missing),
	invalid("upstream: no host", federation({ upstream: {} }), "spec.upstream.host", missing),
	invalid("upstream: text", federation({ upstream: "xmpp.chat.svc" }), "spec.upstream", notOf("object")),
	invalid("upstream: one label", withHost("localhost"), "spec.upstream.host", notAHost),
	invalid("upstream: host and port", withHost("xmpp.chat.svc:5269"), "spec.upstream.host", notAHost),
	invalid("upstream: URL", withHost("xmpp://xmpp.chat.svc"), "spec.upstream.host", notAHost),
	invalid("upstream: dot at the end", withHost("xmpp.chat.svc."), "spec.upstream.host", notAHost),
	invalid("upstream: address out of range", withHost("10.0.0.300"), "spec.upstream.host", notAHost),
	invalid("upstream: address with leading zero", withHost("10.0.0.01"), "spec.upstream.host", notAHost),
	invalid("upstream: IPv6 in brackets", withHost("[2001:db8::1]"), "spec.upstream.host", notAHost),
	invalid("upstream: IPv4 in IPv6", withHost("::ffff:10.0.0.1"), "spec.upstream.host", notAHost),
	...[
		"127.0.0.1",
		"0.0.0.0",
		"::1",
		"::",
		"169.254.1.1",
		"fe80::1",
		"fe80::1%eth0",
		"224.0.0.1",
		"ff02::1",
		"255.255.255.255",
	].map((host) => invalid(`upstream: ${host}`, withHost(host), "spec.upstream.host", "of another machine")),
	invalid("upstream: port 0", federation({ upstream: { ...upstream, port: 0 } }), "spec.upstream.port", {
		zod: ">=1",
		apiserver: "greater than or equal to 1",
	}),
	invalid("upstream: port 65536", federation({ upstream: { ...upstream, port: 65_536 } }), "spec.upstream.port", {
		zod: "<=65535",
		apiserver: "less than or equal to 65535",
	}),
	invalid("upstream: port in quotes", federation({ upstream: { ...upstream, port: "5269" } }), "spec.upstream.port", {
		zod: "expected number",
		apiserver: "must be of type integer",
	}),
	invalid("upstream: half a port", federation({ upstream: { ...upstream, port: 5269.5 } }), "spec.upstream.port", {
		zod: "expected int",
		apiserver: "must be of type integer",
	}),

	invalid("no nodes", federation({ nodes: undefined }), "spec.nodes", missing),
	invalid("nodes: empty", federation({ nodes: [] }), "spec.nodes", { zod: ">=1 items", apiserver: "at least 1 items" }),
	invalid("nodes: not a list", federation({ nodes: { name: "a" } }), "spec.nodes", notOf("array")),
	invalid(
		"nodes: 33",
		federation({ nodes: Array.from({ length: 33 }, (_, i) => ({ name: `n${i}` })) }),
		"spec.nodes",
		tooMany(32),
	),
	invalid(
		"nodes: two of one name",
		federation({ nodes: [{ name: "a" }, { name: "b" }, { name: "a" }] }),
		"spec.nodes[2]",
		{
			zod: "has the name of an earlier node",
			apiserver: "Duplicate value",
		},
	),
	invalid("node: no name", federation({ nodes: [{ federation: "Enabled" }] }), "spec.nodes[0].name", missing),
	invalid("node: name in upper case", withNode({ name: "GW" }), "spec.nodes[0].name", "must be a name such as gw-1"),
	invalid("node: name with a dot", withNode({ name: "a.b" }), "spec.nodes[0].name", "must be a name such as gw-1"),
	invalid("node: name of 41 characters", withNode({ name: "a".repeat(41) }), "spec.nodes[0].name", tooLong(40)),
	invalid("node: switch in lower case", withNode({ federation: "enabled" }), "spec.nodes[0].federation", notOneOf),
	invalid("node: published in quotes", withNode({ published: "true" }), "spec.nodes[0].published", notOf("boolean")),
	invalid(
		"node: Disabled and published",
		federation({ nodes: [...nodes, { name: "b", federation: "Disabled", published: true }] }),
		"spec.nodes[1].published",
		"only an Enabled node can be published",
	),
	invalid(
		"node: published without a switch",
		federation({ nodes: [{ name: "a", published: true }] }),
		"spec.nodes[0].published",
		"set federation: Enabled",
	),
	invalid(
		"node: upstream of one label",
		withNode({ upstream: { host: "xmpp" } }),
		"spec.nodes[0].upstream.host",
		notAHost,
	),
	invalid("node: upstream port", withNode({ upstream: { ...upstream, port: -1 } }), "spec.nodes[0].upstream.port", {
		zod: ">=1",
		apiserver: "greater than or equal to 1",
	}),
	invalid("node: upstream without host", withNode({ upstream: { port: 1 } }), "spec.nodes[0].upstream.host", missing),
	invalid("node: upstream is a text", withNode({ upstream: "a.b" }), "spec.nodes[0].upstream", notOf("object")),

	invalid("resources: text", withNode({ resources: "small" }), "spec.nodes[0].resources", notOf("object")),
	invalid(
		"resources: requests",
		withNode({ resources: { requests: 1 } }),
		"spec.nodes[0].resources.requests",
		notOf("object"),
	),
	invalid(
		"resources: limits",
		withNode({ resources: { limits: [] } }),
		"spec.nodes[0].resources.limits",
		notOf("object"),
	),
	...(["cpu", "memory", "ephemeral-storage"] as const).flatMap((key) => [
		invalid(
			`limits: ${key}: a word`,
			withLimits({ [key]: "much" }),
			`spec.nodes[0].resources.limits.${key}`,
			notAQuantity,
		),
		invalid(
			`requests: ${key}: negative`,
			withRequests({ [key]: -1 }),
			`spec.nodes[0].resources.requests.${key}`,
			notAQuantity,
		),
	]),
	invalid("limits: negative text", withLimits({ cpu: "-1" }), "spec.nodes[0].resources.limits.cpu", notAQuantity),
	invalid("limits: long exponent", withLimits({ cpu: "1e999" }), "spec.nodes[0].resources.limits.cpu", notAQuantity),
	invalid("limits: space", withLimits({ memory: "64 Mi" }), "spec.nodes[0].resources.limits.memory", notAQuantity),
	invalid("limits: fraction without quotes", withLimits({ cpu: 0.5 }), "spec.nodes[0].resources.limits.cpu", {
		zod: "a fraction in quotes",
		apiserver: "must be of type integer,string",
	}),

	invalid(
		"node selector: list",
		withNode({ nodeSelector: ["a"] }),
		"spec.nodes[0].nodeSelector",
		notOf("record", "object"),
	),
	invalid("node selector: key", withNode({ nodeSelector: { "a/b/c": "x" } }), "spec.nodes[0].nodeSelector", notAKey),
	invalid(
		"node selector: value",
		withNode({ nodeSelector: { a: "x y" } }),
		"spec.nodes[0].nodeSelector.a",
		notALabelValue,
	),
	invalid(
		"node selector: number",
		withNode({ nodeSelector: { a: 1 } }),
		"spec.nodes[0].nodeSelector.a",
		notOf("string"),
	),
	invalid(
		"node selector: 65 entries",
		withNode({ nodeSelector: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ""])) }),
		"spec.nodes[0].nodeSelector",
		{ zod: "must have at most 64 entries", apiserver: "must have at most 64 items" },
	),
	invalid(
		"tolerations: 17",
		withNode({ tolerations: Array.from({ length: 17 }, () => ({ operator: "Exists" })) }),
		"spec.nodes[0].tolerations",
		tooMany(16),
	),
	invalid(
		"toleration: neither key nor Exists",
		withToleration({ effect: "NoSchedule" }),
		"spec.nodes[0].tolerations[0].key",
		"set key, or operator: Exists",
	),
	invalid("toleration: key", withToleration({ key: "a b" }), "spec.nodes[0].tolerations[0].key", notAKey),
	invalid(
		"toleration: operator",
		withToleration({ key: "a", operator: "In" }),
		"spec.nodes[0].tolerations[0].operator",
		notOneOf,
	),
	invalid(
		"toleration: value",
		withToleration({ key: "a", value: "-" }),
		"spec.nodes[0].tolerations[0].value",
		notALabelValue,
	),
	invalid(
		"toleration: value with Exists",
		withToleration({ key: "a", operator: "Exists", value: "b" }),
		"spec.nodes[0].tolerations[0].value",
		"leave value out or set operator: Equal",
	),
	invalid(
		"toleration: effect",
		withToleration({ key: "a", effect: "Never" }),
		"spec.nodes[0].tolerations[0].effect",
		notOneOf,
	),
	invalid(
		"toleration: seconds without NoExecute",
		withToleration({ key: "a", effect: "NoSchedule", tolerationSeconds: 1 }),
		"spec.nodes[0].tolerations[0].tolerationSeconds",
		"needs effect: NoExecute",
	),
	invalid("affinity: text", withNode({ affinity: "near" }), "spec.nodes[0].affinity", notOf("object")),
	...["nodeAffinity", "podAffinity", "podAntiAffinity"].map((kind) =>
		invalid(
			`affinity: ${kind} is a list`,
			withNode({ affinity: { [kind]: [] } }),
			`spec.nodes[0].affinity.${kind}`,
			notOf("object"),
		),
	),
	invalid(
		"priority class: upper case",
		withNode({ priorityClassName: "High" }),
		"spec.nodes[0].priorityClassName",
		notAnObject,
	),

	invalid("security: text", federation({ security: "high" }), "spec.security", notOf("object")),
	invalid(
		"certificate: text",
		federation({ security: { certificate: "a" } }),
		"spec.security.certificate",
		notOf("object"),
	),
	invalid(
		"certificate: no Secret",
		federation({ security: { certificate: {} } }),
		"spec.security.certificate.secretName",
		missing,
	),
	invalid(
		"certificate: other namespace",
		federation({ security: { certificate: { secretName: "other/tls" } } }),
		"spec.security.certificate.secretName",
		notAnObject,
	),
	invalid(
		"dialback: text",
		federation({ security: { dialback: "secret" } }),
		"spec.security.dialback",
		notOf("object"),
	),
	invalid(
		"dialback: no reference",
		federation({ security: { dialback: {} } }),
		"spec.security.dialback.secretRef",
		missing,
	),
	invalid(
		"dialback: no name",
		federation({ security: { dialback: { secretRef: {} } } }),
		"spec.security.dialback.secretRef.name",
		missing,
	),
	invalid(
		"dialback: upper case",
		federation({ security: { dialback: { secretRef: { name: "A" } } } }),
		"spec.security.dialback.secretRef.name",
		notAnObject,
	),

	invalid("service: text", federation({ service: "LoadBalancer" }), "spec.service", notOf("object")),
	invalid("service: type", withService({ type: "ExternalName" }), "spec.service.type", notOneOf),
	invalid("service: hostname is IPv4", withService({ hostname: "192.0.2.1" }), "spec.service.hostname", notAHostName),
	invalid("service: hostname is IPv6", withService({ hostname: "2001:db8::1" }), "spec.service.hostname", notAHostName),
	invalid(
		"service: annotations are a list",
		withService({ annotations: [] }),
		"spec.service.annotations",
		notOf("record", "object"),
	),
	invalid("service: annotation key", withService({ annotations: { "": "x" } }), "spec.service.annotations", notAKey),
	invalid(
		"service: annotation of 16,385 emoji",
		withService({ annotations: { a: `${emoji}🙂` } }),
		"spec.service.annotations.a",
		tooLong(16_384, 0),
	),
	invalid(
		"service: annotation of the operator",
		withService({ annotations: { "xmppfed.dev/applied": "x" } }),
		"spec.service.annotations",
		"are set by the operator",
	),
	invalid("service: label value", withService({ labels: { a: "x/y" } }), "spec.service.labels.a", notALabelValue),
	invalid(
		"service: label key",
		withService({ labels: { [hostileTexts[2] ?? ""]: "x" } }),
		"spec.service.labels",
		notAKey,
	),
	...["xmppfed.dev/federation", "app.kubernetes.io/managed-by"].map((key) =>
		invalid(
			`service: label ${key}`,
			withService({ labels: { [key]: "x" } }),
			"spec.service.labels",
			"are set by the operator",
		),
	),
	invalid("service: class", withService({ loadBalancerClass: "a/b/c" }), "spec.service.loadBalancerClass", notAKey),
	...["NodePort", "ClusterIP"].flatMap((type) => [
		invalid(
			`service: class with ${type}`,
			withService({ type, loadBalancerClass: "a" }),
			"spec.service.loadBalancerClass",
			"with type: LoadBalancer only",
		),
		invalid(
			`service: ranges with ${type}`,
			withService({ type, sourceRanges: ["10.0.0.0/8"] }),
			"spec.service.sourceRanges",
			"with type: LoadBalancer only",
		),
	]),
	invalid(
		"service: traffic policy with ClusterIP",
		withService({ type: "ClusterIP", externalTrafficPolicy: "Local" }),
		"spec.service.externalTrafficPolicy",
		"leave externalTrafficPolicy out",
	),
	invalid(
		"service: traffic policy",
		withService({ externalTrafficPolicy: "local" }),
		"spec.service.externalTrafficPolicy",
		notOneOf,
	),
	invalid("service: families", withService({ ipFamilyPolicy: "DualStack" }), "spec.service.ipFamilyPolicy", notOneOf),
	...[
		"10.0.0.0",
		"10.0.0.1/8",
		"10.0.0.0/33",
		"10.0.0.0/08",
		"10.0.0/8",
		"2001:db8::1/64",
		"::/129",
		"::ffff:10.0.0.0/104",
		"/8",
		"a/8",
		"10.0.0.0/8/8",
	].map((range) =>
		invalid(
			`service: range ${range}`,
			withService({ sourceRanges: [range] }),
			"spec.service.sourceRanges[0]",
			notANetwork,
		),
	),
	invalid(
		"service: range twice",
		withService({ sourceRanges: ["10.0.0.0/8", "10.0.0.0/8"] }),
		"spec.service.sourceRanges[1]",
		{ zod: "stands here a second time", apiserver: "Duplicate value" },
	),

	invalid("resolver: true", federation({ resolver: true }), "spec.resolver", notOf("object")),
	invalid("resolver: text", federation({ resolver: { enabled: "yes" } }), "spec.resolver.enabled", notOf("boolean")),
	...["", "Gateway", "a:b:c", "a/b@sha256:0", "/a", "a/", "a b", "https://example.com/a"].map((image) =>
		invalid(
			`image: "${image}"`,
			federation({ image }),
			"spec.image",
			image === "" ? tooShort(512) : "must be the name of an image such as",
		),
	),
];

/** Every field that takes a name or an address, with a text that belongs to none. */
const hostileCases = hostileTexts.flatMap((text, index) =>
	(
		[
			["spec.domain", federation({ domain: text }), 253],
			["spec.additionalDomains[0]", federation({ additionalDomains: [text] }), 253],
			["spec.upstream.host", withHost(text), 253],
			["spec.nodes[0].name", withNode({ name: text }), 40],
			["spec.nodes[0].priorityClassName", withNode({ priorityClassName: text }), 253],
			["spec.security.certificate.secretName", federation({ security: { certificate: { secretName: text } } }), 253],
			[
				"spec.security.dialback.secretRef.name",
				federation({ security: { dialback: { secretRef: { name: text } } } }),
				253,
			],
			["spec.service.hostname", withService({ hostname: text }), 253],
			["spec.service.loadBalancerClass", withService({ loadBalancerClass: text }), 317],
			["spec.service.sourceRanges[0]", withService({ sourceRanges: [text] }), 43],
			["spec.image", federation({ image: text }), 512],
		] as const
	).map(([field, resource, most]) =>
		invalid(`hostile text ${index} in ${field}`, resource, field, text.length > most ? tooLong(most) : "must be "),
	),
);

export const invalidCases: readonly InvalidCase[] = [...ordinaryCases, ...hostileCases];
