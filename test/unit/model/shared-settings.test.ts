import { expect, test } from "vitest";
import type { XmppFederation } from "../../../src/api/xmpp-federation.ts";
import { compilePolicy } from "../../../src/model/policy/compile.ts";
import { settingDifferences, sharedSettings, usesDialback } from "../../../src/model/shared-settings.ts";
import { modelled, sample } from "../fixtures/federation.ts";

type Spec = Partial<XmppFederation["spec"]>;
type Inputs = NonNullable<Parameters<typeof modelled>[1]>;

const federation = (spec: Spec) => sample("smallest", (given) => Object.assign(given, spec));
const settings = (spec: Spec, inputs: Inputs = {}, digests = {}) =>
	sharedSettings(modelled(federation(spec), inputs).intent, digests);
const policy = (exceptions: readonly string[], enforcement: "Enforce" | "Audit" = "Enforce") => {
	const compilation = compilePolicy(
		{
			federationRef: { name: "example" },
			default: "Allow",
			enforcement,
			exceptions: exceptions.map((domain) => ({ domain })),
		},
		new Map(),
	);
	if (!compilation.ok) throw new Error("the policy is valid");
	return { policy: { name: "partners", effective: compilation.policy } };
};
const tls = { mode: "TLSOptional" } as const;

test.each<[string, Spec, Spec]>([
	["defaults that are written out", {}, { security: { mode: "TLSRequired", peerCertificates: "Strict" } }],
	["limits that are written out", {}, { limits: { stanzaBytes: 524_288 } }],
	["the case of domains", { additionalDomains: ["B.example"] }, { additionalDomains: ["b.example"] }],
	[
		"the order of domains",
		{ additionalDomains: ["b.example", "c.example"] },
		{ additionalDomains: ["c.example", "b.example"] },
	],
	[
		"where it runs",
		{},
		{ upstream: { host: "elsewhere.example" }, dns: { weight: 10 }, service: { type: "NodePort" } },
	],
	[
		"an entry that a wildcard covers alike",
		{ peers: [{ domain: "*.b.example", security: tls }] },
		{
			peers: [
				{ domain: "*.b.example", security: tls },
				{ domain: "a.b.example", security: tls },
			],
		},
	],
	["an entry that changes nothing", {}, { peers: [{ domain: "b.example", security: { mode: "TLSRequired" } }] }],
])("no difference: %s", (_what, one, other) => {
	expect(settingDifferences(settings(one), settings(other))).toEqual([]);
});

test.each<[string, Spec, Spec, readonly object[]]>([
	["the mode", {}, { security: tls }, [{ field: "spec.security.mode", values: ["TLSRequired", "TLSOptional"] }]],
	[
		"a mode that has no certificates",
		{ security: { mode: "NoTLS" } },
		{},
		[
			{ field: "spec.security.mode", values: ["NoTLS", "TLSRequired"] },
			{ field: "spec.security.peerCertificates", values: ["not set", "Strict"] },
			{ field: "spec.security.saslExternal.incoming", values: ["not set", "Offered"] },
			{ field: "spec.security.saslExternal.outgoing", values: ["not set", "Offered"] },
		].toSorted((a, b) => (a.field < b.field ? -1 : 1)),
	],
	[
		"one peer",
		{ peers: [{ domain: "b.example", security: tls }] },
		{},
		[{ field: "spec.peers[b.example].security.mode", values: ["TLSOptional", "TLSRequired"] }],
	],
	[
		"one peer under a wildcard",
		{ peers: [{ domain: "*.b.example", security: tls }] },
		{ peers: [{ domain: "*.b.example", security: tls }, { domain: "a.b.example" }] },
		[{ field: "spec.peers[a.b.example].security.mode", values: ["TLSOptional", "TLSRequired"] }],
	],
	[
		"a domain",
		{ additionalDomains: ["b.example"] },
		{},
		[{ field: "spec.additionalDomains", values: ["b.example", "none"] }],
	],
	[
		"what holds without a policy",
		{ defaultPolicy: "Deny" },
		{},
		[{ field: "FederationPolicy spec.default", values: ["Deny", "Allow"] }],
	],
	["a limit", { limits: { idleSeconds: 600 } }, {}, [{ field: "spec.limits.idleSeconds", values: ["600", "not set"] }]],
])("differences: %s", (_what, one, other, expected) => {
	const found = settingDifferences(settings(one), settings(other));
	expect(found.toSorted((a, b) => (a.field < b.field ? -1 : 1))).toEqual(expected);
});

test("policies are compared by what they say", () => {
	const compare = (one: Inputs, other: Inputs) => settingDifferences(settings({}, one), settings({}, other));
	expect(compare(policy(["b.example"]), policy(["b.example"]))).toEqual([]);
	expect(compare(policy(["b.example"]), policy(["c.example"]))).toEqual([
		{ field: "FederationPolicy spec.exceptions" },
	]);
	expect(compare(policy(["b.example"]), policy(["b.example", "c.example"]))).toEqual([
		{ field: "FederationPolicy number of exceptions", values: ["1", "2"] },
	]);
	expect(compare(policy(["b.example"], "Audit"), policy(["b.example"]))).toEqual([
		{ field: "FederationPolicy spec.enforcement", values: ["Audit", "Enforce"] },
	]);
	// What lets everything through is the same, however it is written.
	expect(compare(policy([], "Audit"), {})).toEqual([]);
});

test("aliases are compared by how peers reach them", () => {
	const alias = (exposure: "Shared" | "Direct") => ({
		aliases: [
			{
				name: "rooms",
				domain: "rooms.example",
				spec: {
					federationRef: { name: "example" },
					alias: "rooms.example",
					node: "gw-1",
					exposure,
					hostname: "r.example",
				},
			},
		],
	});
	expect(settingDifferences(settings({}, alias("Shared")), settings({}, alias("Direct")))).toEqual([
		{ field: "ChatNodeAlias rooms.example", values: ["Shared", "Direct"] },
	]);
	expect(settingDifferences(settings({}, alias("Shared")), settings({}))).toEqual([
		{ field: "ChatNodeAlias rooms.example", values: ["Shared", "not set"] },
	]);
});

test("of secrets it is said that they differ and nothing else, and nothing where one is not known", () => {
	const compare = (one: object, other: object) => settingDifferences(settings({}, {}, one), settings({}, {}, other));
	expect(compare({ dialback: "a", authorities: "x" }, { dialback: "b", authorities: "y" })).toEqual([
		{ field: "spec.security.trustedCAs.configMapRef" },
		{ field: "spec.security.dialback.secretRef" },
	]);
	expect(compare({ dialback: "a" }, {})).toEqual([]);
});

test("the dialback secret matters where one peer at least is identified by it", () => {
	const uses = (spec: Spec) => usesDialback(modelled(federation(spec)).intent);
	const off = { dialback: { mode: "Disabled" } } as const;
	expect(uses({})).toBe(true);
	expect(uses({ security: off })).toBe(false);
	expect(uses({ security: off, peers: [{ domain: "b.example", security: { dialback: { mode: "Enabled" } } }] })).toBe(
		true,
	);
});
