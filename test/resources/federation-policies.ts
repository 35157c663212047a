import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { root } from "../../deploy/generate.ts";
import { type Fields, longName } from "./builders.ts";
import type { InvalidCase, Resource, ValidCase } from "./cases.ts";
import { hostileTexts } from "./hostile-texts.ts";
import { invalid, missing, notAnObject, notOf, notOneOf, tooLong, tooMany, tooShort } from "./refusals.ts";

/** The smallest policy with other fields in its spec; a field of value undefined is taken out. */
export function policy(spec: Fields = {}, name = "partners"): Resource {
	const whole = Object.entries({ federationRef: { name: "example" }, default: "Deny", ...spec });
	return {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "FederationPolicy",
		metadata: { name },
		spec: Object.fromEntries(whole.filter(([, value]) => value !== undefined)),
	};
}

const withDomain = (domain: unknown) => policy({ exceptions: [{ domain }] });
const withList = (name: unknown, fields: Fields = {}) =>
	policy({ exceptionsFrom: [{ configMapRef: { name }, ...fields }] });

/** As many exceptions as a policy takes, of the given length each. */
export function manyExceptions(length: number, count = 2_000) {
	return Array.from({ length: count }, (_, index) => {
		const start = `*.n${index}.`;
		const domain = start + longName(length - start.length);
		return { domain, direction: (["Both", "Incoming", "Outgoing"] as const)[index % 3] };
	});
}

function sample(): Resource {
	const file = readFileSync(join(root, "deploy/samples/policy.yaml"), "utf8");
	for (const document of parseAllDocuments(file)) {
		const object: Resource = document.toJS();
		if (object.kind === "FederationPolicy") return object;
	}
	throw new Error("there is no FederationPolicy in deploy/samples/policy.yaml");
}

export const validCases: readonly ValidCase[] = [
	{ name: "sample", resource: sample() },
	{ name: "default Allow", resource: policy({ default: "Allow" }) },
	{ name: "enforcement Audit", resource: policy({ enforcement: "Audit" }) },
	{ name: "name with dots", resource: policy({}, "partners.v1.example") },
	{ name: "no exceptions", resource: policy({ exceptions: [], exceptionsFrom: [] }) },
	{
		name: "a domain and its wildcard",
		resource: policy({ exceptions: [{ domain: "example.com" }, { domain: "*.example.com", direction: "Outgoing" }] }),
	},
	{ name: "domain in its xn-- form", resource: withDomain("*.xn--bcher-kva.xn--p1ai") },
	{ name: "domain in upper case", resource: withDomain("*.Example.COM") },
	{ name: "domain in Unicode", resource: withDomain("*.B\u00fccher.\u0440\u0444") },
	{
		name: "domain with marks and digits of another script",
		resource: withDomain("\u0939\u093f\u0928\u094d\u0926\u0940-\u0967.\u092d\u093e\u0930\u0924"),
	},
	{ name: "label of 63 characters beyond 16 bits", resource: withDomain(`${"\u{20000}".repeat(63)}.example`) },
	// Which domains are the same is no matter of form.
	{
		name: "a domain in two forms",
		resource: policy({ exceptions: [{ domain: "a.example" }, { domain: "A.example" }] }),
	},
	{ name: "wildcard of a top-level domain", resource: withDomain("*.example") },
	{ name: "domain with digits and hyphens", resource: withDomain("1-2--3.4.x--y") },
	{ name: "domain of 253 characters", resource: withDomain(longName(253)) },
	{ name: "wildcard of 255 characters", resource: withDomain(`*.${longName(253)}`) },
	{ name: "2,000 exceptions of 100 characters", resource: policy({ exceptions: manyExceptions(100) }) },
	{
		name: "8 lists",
		resource: policy({ exceptionsFrom: Array.from({ length: 8 }, (_, i) => ({ configMapRef: { name: `l${i}` } })) }),
	},
];

const notAPattern = "must be a domain such as example.com, or *.example.com";

export const invalidCases: readonly InvalidCase[] = [
	invalid("name in upper case", policy({}, "Partners"), "metadata.name", {
		zod: notAnObject,
		apiserver: "a lowercase RFC 1123 subdomain",
	}),
	invalid("no federation", policy({ federationRef: undefined }), "spec.federationRef", missing),
	invalid("federation without name", policy({ federationRef: {} }), "spec.federationRef.name", missing),
	invalid(
		"federation: no name of one",
		policy({ federationRef: { name: "example.com" } }),
		"spec.federationRef.name",
		"must be a name such as example-com",
	),
	invalid("no default", policy({ default: undefined }), "spec.default", missing),
	invalid("default: another word", policy({ default: "Reject" }), "spec.default", notOneOf),
	invalid("enforcement: another word", policy({ enforcement: "Warn" }), "spec.enforcement", notOneOf),
	invalid(
		"direction: another word",
		policy({ exceptions: [{ domain: "a.example", direction: "In" }] }),
		"spec.exceptions[0].direction",
		notOneOf,
	),
	invalid("exceptions: no list", policy({ exceptions: {} }), "spec.exceptions", notOf("array")),
	invalid("exception without domain", policy({ exceptions: [{}] }), "spec.exceptions[0].domain", missing),
	...[
		["empty label", "example..com"],
		["one label", "example"],
		["dot at the end", "example.com."],
		["IPv4 address", "192.0.2.1"],
		["IPv6 address", "2001:db8::1"],
		["IPv6 address in brackets", "[2001:db8::1]"],
		["network", "192.0.2.0/24"],
		["bare JID", "user@example.com"],
		["port", "example.com:5269"],
		["wildcard inside", "a.*.example.com"],
		["wildcard at the end", "example.*"],
		["two wildcards", "*.*.example.com"],
		["wildcard without dot", "*example.com"],
		["wildcard alone", "*"],
		["wildcard of nothing", "*."],
		["label of 64 characters beyond 16 bits", `${"\u{20000}".repeat(64)}.example`],
		["picture", "\u{1f600}.example"],
		["dot of another script", "example\u3002com"],
		["IPv4 address in wide digits", "\uff11\uff19\uff12.\uff10.\uff12.\uff11"],
		["digits of another script alone", "\u0661\u0662.\u0661\u0662"],
		["direction of writing", "\u202eexample.com"],
		["label of 64 characters", `${"a".repeat(64)}.example`],
	].map(([name, domain]) => invalid(`domain: ${name}`, withDomain(domain), "spec.exceptions[0].domain", notAPattern)),
	invalid("domain: empty", withDomain(""), "spec.exceptions[0].domain", tooShort(255)),
	invalid("domain: 256 characters", withDomain(longName(256)), "spec.exceptions[0].domain", tooLong(255)),
	invalid(
		"one domain twice",
		policy({ exceptions: [{ domain: "a.example" }, { domain: "a.example", direction: "Incoming" }] }),
		"spec.exceptions[1]",
		{ zod: "has the domain of an earlier exception", apiserver: "Duplicate value" },
	),
	invalid("2,001 exceptions", policy({ exceptions: manyExceptions(30, 2_001) }), "spec.exceptions", tooMany(2_000)),
	invalid("lists: no list", policy({ exceptionsFrom: {} }), "spec.exceptionsFrom", notOf("array")),
	invalid(
		"list without ConfigMap",
		policy({ exceptionsFrom: [{ direction: "Both" }] }),
		"spec.exceptionsFrom[0].configMapRef",
		missing,
	),
	invalid("list: no name", withList(undefined), "spec.exceptionsFrom[0].configMapRef.name", missing),
	invalid("list: no name of an object", withList("A"), "spec.exceptionsFrom[0].configMapRef.name", notAnObject),
	invalid(
		"list: another direction",
		withList("a", { direction: "None" }),
		"spec.exceptionsFrom[0].direction",
		notOneOf,
	),
	invalid(
		"one list twice",
		policy({
			exceptionsFrom: ["Incoming", "Outgoing"].map((direction) => ({ configMapRef: { name: "a" }, direction })),
		}),
		"spec.exceptionsFrom",
		"has a ConfigMap twice",
	),
	invalid(
		"9 lists",
		policy({ exceptionsFrom: Array.from({ length: 9 }, (_, i) => ({ configMapRef: { name: `l${i}` } })) }),
		"spec.exceptionsFrom",
		tooMany(8),
	),
	...hostileTexts.flatMap((text, index) =>
		(
			[
				["spec.exceptions[0].domain", withDomain(text), 255],
				["spec.exceptionsFrom[0].configMapRef.name", withList(text), 253],
				["spec.federationRef.name", policy({ federationRef: { name: text } }), 40],
			] as const
		).map(([field, resource, most]) =>
			invalid(`hostile text ${index} in ${field}`, resource, field, text.length > most ? tooLong(most) : "must be "),
		),
	),
];
