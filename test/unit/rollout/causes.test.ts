import { describe, expect, test } from "vitest";
import type { XmppFederation } from "../../../src/api/xmpp-federation.ts";
import type { FederationInputs } from "../../../src/model/federation-inputs.ts";
import type { FederationIntent } from "../../../src/model/intent.ts";
import { liveOf } from "../../../src/model/live.ts";
import { policyOf } from "../../../src/model/policy/compile.ts";
import { nodeRevision, revisionedIntent } from "../../../src/model/revision.ts";
import { type AppliedNode, type Cause, causes, describeCause, valueLimit } from "../../../src/rollout/causes.ts";
import { intentFields, secretFields } from "../../../src/rollout/intent-fields.ts";
import { restartReasons } from "../../../src/rollout/reasons.ts";
import { covers, restartTable } from "../../../src/rollout/restart-table.ts";
import {
	base64,
	certificate,
	givenSecrets,
	inputs,
	key,
	modelled,
	otherAuthority,
	sample,
} from "../fixtures/federation.ts";

const rooms = {
	name: "rooms",
	domain: "rooms.example.com",
	spec: { federationRef: { name: "example-full" }, alias: "Rooms.example.com", node: "gw-2" },
};
const partners = new Map([
	["partner.example", { directions: new Set(["Incoming"] as const), source: "spec.exceptions" }],
]);

type Change = (spec: XmppFederation["spec"]) => void;

const intentOf = (change: Change = () => {}, more: Partial<FederationInputs> = {}) =>
	modelled(sample("full", change), { ...givenSecrets, ...more }).intent;
/** What runs when the intent has been carried out, as its record says. */
const running = (intent: FederationIntent): AppliedNode[] =>
	intent.nodes.map((node) => ({
		name: node.name,
		federation: node.federation,
		revision: nodeRevision(node),
		applied: JSON.parse(JSON.stringify(node)) as unknown,
	}));
/** The same with the strategy Live, as the operator's objects record it. */
const runningLive = (intent: FederationIntent): AppliedNode[] =>
	intent.nodes.map((entry) => ({
		name: entry.name,
		federation: entry.federation,
		revision: nodeRevision(entry),
		applied: JSON.parse(JSON.stringify(revisionedIntent(entry))) as unknown,
		appliedLive: JSON.parse(JSON.stringify(liveOf(entry))) as unknown,
	}));
const words = ({ rule, reason, field, from, to, scope, nodes }: Cause) =>
	`${rule} ${reason} ${field}${from === undefined ? "" : ` from ${from}`}${to === undefined ? "" : ` to ${to}`} ${scope}: ${nodes.join(" ")}`;
const found = (change?: Change, more?: Partial<FederationInputs>) =>
	causes(intentOf(change, more), running(intentOf())).map(words);
const node = (spec: XmppFederation["spec"], index: number) => {
	const entry = spec.nodes[index];
	if (!entry) throw new Error(`the sample has no node ${index}`);
	return entry;
};

/** What is changed: field of the table (or `-`), change, other inputs, causes. */
type Case = readonly [string, Change, Partial<FederationInputs>, readonly string[]];
const cases: readonly Case[] = [
	["-", () => {}, {}, []],
	[
		"additionalDomains",
		(spec) => void spec.additionalDomains?.push("more.example.com"),
		{},
		[
			'R17 DomainsChanged spec.additionalDomains from ["conference.example.com","xn--bcher-kva.example"] to ' +
				'["conference.example.com","xn--bcher-kva.example","more.example.com"] Node: gw-1 gw-2 inside',
		],
	],
	[
		"upstream.host",
		(spec) => void (spec.upstream.host = "other.chat.svc"),
		{},
		[
			"R17 UpstreamChanged spec.upstream.host from xmpp.chat.svc.cluster.local to other.chat.svc.cluster.local Node: gw-1 gw-2",
		],
	],
	[
		"upstream.port",
		(spec) => void (spec.upstream.port = 5300),
		{},
		["R17 UpstreamChanged spec.upstream.port from 5269 to 5300 Node: gw-1 gw-2"],
	],
	[
		"nodes[].name",
		(spec) => void spec.nodes.push({ name: "gw-3", federation: "Enabled" }),
		{},
		["R16 EnabledNodeAdded spec.nodes[gw-3] AllNodes: gw-1 gw-2 inside gw-3"],
	],
	[
		"nodes[].name",
		(spec) => void spec.nodes.splice(1, 1),
		{},
		["R16 EnabledNodeRemoved spec.nodes[gw-2] AllNodes: gw-1 inside gw-2"],
	],
	["nodes[].name", (spec) => void spec.nodes.push({ name: "in-2" }), {}, ["R17 NodeAdded spec.nodes[in-2] Node: in-2"]],
	["nodes[].name", (spec) => void spec.nodes.pop(), {}, ["R17 NodeRemoved spec.nodes[inside] Node: inside"]],
	[
		"nodes[].federation",
		(spec) => void (node(spec, 2).federation = "Enabled"),
		{},
		["R16 FederationToggled spec.nodes[inside].federation from Disabled to Enabled AllNodes: gw-1 gw-2 inside"],
	],
	[
		"nodes[].federation",
		(spec) => void (node(spec, 1).federation = "Disabled"),
		{},
		["R16 FederationToggled spec.nodes[gw-2].federation from Enabled to Disabled AllNodes: gw-1 gw-2 inside"],
	],
	[
		"nodes[].published",
		(spec) => void (node(spec, 1).published = true),
		{},
		["R17 PublishedChanged spec.nodes[gw-2].published from false to true Node: gw-2"],
	],
	[
		"nodes[].upstream.host",
		(spec) => void (node(spec, 2).upstream = { host: "10.0.3.8", port: 5269 }),
		{},
		["R17 UpstreamChanged spec.nodes[inside].upstream.host from 10.0.3.7 to 10.0.3.8 Node: inside"],
	],
	[
		"nodes[].upstream.port",
		(spec) => void (node(spec, 2).upstream = { host: "10.0.3.7", port: 5270 }),
		{},
		["R17 UpstreamChanged spec.nodes[inside].upstream.port from 5269 to 5270 Node: inside"],
	],
	[
		"nodes[].resources.limits.memory",
		(spec) => void (node(spec, 0).resources = { ...node(spec, 0).resources, limits: { cpu: 2, memory: "512Mi" } }),
		{},
		[
			'R17 PlacementChanged spec.nodes[gw-1].resources.limits from {"ephemeral-storage":"1Gi","memory":"256Mi"} ' +
				'to {"memory":"512Mi"} Node: gw-1',
		],
	],
	[
		"nodes[].nodeSelector",
		(spec) => void (node(spec, 0).nodeSelector = { "topology.kubernetes.io/zone": "zone-b" }),
		{},
		[
			'R17 PlacementChanged spec.nodes[gw-1].nodeSelector["topology.kubernetes.io/zone"] from zone-a to zone-b Node: gw-1',
		],
	],
	[
		"nodes[].tolerations",
		(spec) => void (node(spec, 1).tolerations = [{ operator: "Exists" }]),
		{},
		['R17 PlacementChanged spec.nodes[gw-2].tolerations to [{"operator":"Exists"}] Node: gw-2'],
	],
	[
		"nodes[].affinity.nodeAffinity",
		(spec) => void delete node(spec, 1).affinity?.nodeAffinity,
		{},
		[
			"R17 PlacementChanged spec.nodes[gw-2].affinity.nodeAffinity from " +
				'{"preferredDuringSchedulingIgnoredDuringExecution":[{"preference":{"matchExpressions":[{"key":' +
				'"topology.kubernetes.io/zone","operator":"In","values":["zone-b"]}]},"weight":1}]} Node: gw-2',
		],
	],
	[
		"nodes[].priorityClassName",
		(spec) => void delete node(spec, 0).priorityClassName,
		{},
		["R17 PlacementChanged spec.nodes[gw-1].priorityClassName from edge Node: gw-1"],
	],
	[
		"security.mode",
		(spec) => void (spec.security = { ...spec.security, mode: "TLSOptional" }),
		{},
		[
			"R17 SecurityChanged spec.security.mode from TLSRequired to TLSOptional Node: gw-1 gw-2 inside",
			// Those that leave their mode out.
			'R17 PeerChanged spec.peers["webex.example"].security.mode from TLSRequired to TLSOptional Node: gw-1 gw-2 inside',
		],
	],
	[
		"security.peerCertificates",
		(spec) => void (spec.security = { ...spec.security, peerCertificates: "Opportunistic" }),
		{},
		[
			"R17 SecurityChanged spec.security.peerCertificates from Strict to Opportunistic Node: gw-1 gw-2 inside",
			'R17 PeerChanged spec.peers["sametime.example"].security.peerCertificates from Strict to Opportunistic Node: gw-1 gw-2 inside',
		],
	],
	[
		"security.saslExternal.incoming",
		(spec) => void (spec.security = { ...spec.security, saslExternal: { incoming: "Required" } }),
		{},
		[
			"R17 SecurityChanged spec.security.saslExternal.incoming from Offered to Required Node: gw-1 gw-2 inside",
			'R17 PeerChanged spec.peers["webex.example"].security.saslExternal.incoming from Offered to Required Node: gw-1 gw-2 inside',
		],
	],
	[
		"security.dialback.mode",
		(spec) => void (spec.security = { ...spec.security, dialback: { ...spec.security?.dialback, mode: "Disabled" } }),
		{},
		[
			"R17 SecurityChanged spec.security.dialback.mode from Enabled to Disabled Node: gw-1 gw-2 inside",
			'R17 PeerChanged spec.peers["webex.example"].security.dialback.mode from Enabled to Disabled Node: gw-1 gw-2 inside',
		],
	],
	[
		"peers[].domain",
		(spec) => void spec.peers?.pop(),
		{},
		[
			'R17 PeerChanged spec.peers["sametime.example"] from {"security":{"dialback":{"mode":"Enabled"},"mode":"TLSRequired","peerCertificates":"Strict","saslExternal":{"incoming":"Offered","outgoing":"Offered"}}} Node: gw-1 gw-2 inside',
		],
	],
	[
		"peers[].platform",
		(spec) => void Object.assign(spec.peers?.[2] ?? {}, { platform: "Generic" }),
		{},
		[
			'R17 PeerChanged spec.peers["webex.example"].security.peerCertificates from Opportunistic to Strict Node: gw-1 gw-2 inside',
		],
	],
	[
		"peers[].security.mode",
		(spec) => void Object.assign(spec.peers?.[0] ?? {}, { security: { mode: "NoTLS" } }),
		{},
		[
			'R17 PeerChanged spec.peers["partner.example"].security from {"dialback":{"mode":"Disabled"},"mode":"TLSRequired","peerCertificates":"Strict","saslExternal":{"incoming":"Required","outgoing":"Required"}} to {"dialback":{"mode":"Enabled"},"mode":"NoTLS"} Node: gw-1 gw-2 inside',
		],
	],
	...["mappingRefs[].configMapRef.name", "ldap.url"].map((part): (typeof cases)[number] => [
		`emailAddresses.${part}`,
		(spec) => void delete spec.emailAddresses,
		{},
		["R17 EmailAddressesChanged spec.emailAddresses from on to off Node: gw-1 gw-2 inside"],
	]),
	// Who has which address is no setting.
	["emailAddresses.ldap.baseDN", ({ emailAddresses }) => void delete emailAddresses?.ldap, {}, []],
	[
		"emailAddresses.unmappedUsers",
		({ emailAddresses }) => void delete emailAddresses?.unmappedUsers,
		{},
		["R17 UnmappedUsersChanged spec.emailAddresses.unmappedUsers from PassThrough to Refuse Node: gw-1 gw-2 inside"],
	],
	[
		"security.certificate.secretName",
		(spec) => void delete spec.security?.certificate,
		{ generated: { ...inputs.generated, selfSigned: certificateOfOthers() } },
		["R17 CertificateChanged spec.security.certificate Node: gw-1 gw-2 inside"],
	],
	...["name", "kind", "group"].map((part): (typeof cases)[number] => [
		`security.certificate.issuerRef.${part}`,
		(spec) => void (spec.security = { ...spec.security, certificate: { issuerRef: { name: "public" } } }),
		{ certificate: { data: { "tls.crt": certificate, "tls.key": key } } },
		["R17 CertificateChanged spec.security.certificate Node: gw-1 gw-2 inside"],
	]),
	...["name", "key"].map((part): (typeof cases)[number] => [
		`security.trustedCAs.configMapRef.${part}`,
		() => {},
		{ trustedCAs: { data: { "ca.crt": otherAuthority } } },
		["R17 TrustedCAsChanged spec.security.trustedCAs Node: gw-1 gw-2 inside"],
	]),
	[
		"security.trustedCAs.systemRoots",
		({ security }) => void (security?.trustedCAs && (security.trustedCAs.systemRoots = false)),
		{},
		["R17 TrustedCAsChanged spec.security.trustedCAs.systemRoots from true to false Node: gw-1 gw-2 inside"],
	],
	[
		"security.dialback.secretRef.name",
		() => {},
		{ dialback: { data: { secret: base64("another dialback secret") } } },
		["R17 DialbackSecretChanged spec.security.dialback Node: gw-1 gw-2 inside"],
	],
	[
		"-",
		() => {},
		{ generated: { ...inputs.generated, link: base64("x".repeat(64)) } },
		["R17 LinkSecretChanged generated link secret Node: gw-1 gw-2 inside"],
	],
	[
		"defaultPolicy",
		(spec) => void delete spec.defaultPolicy,
		{},
		["R17 PolicyChanged policy.default from Deny to Allow Node: gw-1 gw-2 inside"],
	],
	[
		"-",
		() => {},
		{ policy: { name: "partners", effective: policyOf({ default: "Deny", exceptions: partners }) } },
		["R17 PolicyChanged FederationPolicy partners: spec.exceptions from none to 1 (0c448a67) Node: gw-1 gw-2 inside"],
	],
	[
		"-",
		() => {},
		{ policy: { name: "partners", effective: policyOf({ default: "Deny", exceptions: new Map() }, "Audit") } },
		["R17 PolicyChanged FederationPolicy partners: spec.enforcement from Enforce to Audit Node: gw-1 gw-2 inside"],
	],
	[
		"-",
		() => {},
		{ aliases: [rooms] },
		["R17 AliasChanged ChatNodeAlias rooms to rooms.example.com Node: gw-1 gw-2 inside"],
	],
	["service.type", (spec) => void (spec.service = { type: "NodePort" }), {}, []],
	["service.hostname", (spec) => void (spec.service = { hostname: "other.example.com" }), {}, []],
	["resolver.enabled", (spec) => void (spec.resolver = { enabled: false }), {}, []],
	[
		"rollout.drainSeconds",
		(spec) => void delete spec.rollout,
		{},
		["R17 RolloutChanged spec.rollout.drainSeconds from 60 to 30 Node: gw-1 gw-2 inside"],
	],
	...Object.entries({
		stanzaBytes: [262_144, 524_288],
		stanzasPerSecond: [200, undefined],
		streamsPerMinute: [60, undefined],
		incomingStreams: [4_000, 2_500],
		outgoingStreams: [4_000, 2_500],
		unauthenticatedStreams: [2_000, 1_000],
		unauthenticatedStreamsPerAddress: [100, 250],
		handshakeSeconds: [30, 60],
		idleSeconds: [600, undefined],
	} as const).map(
		([name, [from, to]]): Case => [
			`limits.${name}`,
			({ limits = {} }) => void Reflect.deleteProperty(limits, name),
			{},
			[
				`R17 ${name === "incomingStreams" || name === "outgoingStreams" ? "PlacementChanged" : "LimitsChanged"} spec.limits.${name} from ${from}${to === undefined ? "" : ` to ${to}`} Node: gw-1 gw-2 inside`,
			],
		],
	),
	[
		"rollout.strategy",
		(spec) => void (spec.rollout = { ...spec.rollout, strategy: "Live" }),
		{},
		["R17 RolloutChanged spec.rollout.strategy from Documented to Live Node: gw-1 gw-2 inside"],
	],
	[
		"rollout.imageUpdates",
		(spec) => {
			delete spec.image;
			spec.rollout = { ...spec.rollout, imageUpdates: "Automatic" };
		},
		{},
		[
			"R17 ImageChanged gateway image of the operator from registry.example.com/xmppfed/gateway:0.1.0 to " +
				"registry.example/gateway:1 Node: gw-1 gw-2 inside",
		],
	],
	[
		"image",
		(spec) => void (spec.image = "registry.example.com/xmppfed/gateway:0.2.0"),
		{},
		[
			"R17 ImageChanged spec.image from registry.example.com/xmppfed/gateway:0.1.0 to " +
				"registry.example.com/xmppfed/gateway:0.2.0 Node: gw-1 gw-2 inside",
		],
	],
	[
		"-",
		() => {},
		{ defaults: { ...inputs.defaults, clusterDomain: "other.local" } },
		[
			"R15 OperatorChanged address of the links Service.host from example-full-links-43af1995.chat.svc.cluster.local to " +
				"example-full-links-43af1995.chat.svc.other.local Node: gw-1 gw-2 inside",
			"R17 UpstreamChanged spec.upstream.host from xmpp.chat.svc.cluster.local to xmpp.chat.svc.other.local Node: gw-1 gw-2",
		],
	],
];

/** The fixture's certificate with another end of line: another content. */
function certificateOfOthers() {
	const text = Buffer.from(certificate, "base64").toString("utf8");
	return { data: { "tls.crt": base64(`${text}\n`), "tls.key": key } };
}

describe("a change of", () => {
	test.each(cases)("%s", (_field, change, more, expected) => {
		expect(found(change, more).toSorted()).toEqual([...expected].toSorted());
	});
});

describe("with the strategy Live", () => {
	const live: Change = (spec) => void (spec.rollout = { ...spec.rollout, strategy: "Live" });
	const other = { certificate: certificateOfOthers() };

	test("a new certificate restarts nothing", () => {
		expect(causes(intentOf(live, other), runningLive(intentOf(live))).map(words)).toEqual([
			"R17 CertificateChanged spec.security.certificate None: gw-1 gw-2 inside",
		]);
	});

	test("a change of both kinds is told as two", () => {
		const both: Change = (spec) => {
			live(spec);
			spec.upstream.port = 5300;
		};
		expect(causes(intentOf(both, other), runningLive(intentOf(live))).map(words)).toEqual([
			"R17 UpstreamChanged spec.upstream.port from 5269 to 5300 Node: gw-1 gw-2",
			"R17 CertificateChanged spec.security.certificate None: gw-1 gw-2 inside",
		]);
	});

	test("going back to Documented is told by itself, whatever has changed besides of what was taken over", () => {
		expect(
			causes(
				intentOf(() => {}, other),
				runningLive(intentOf(live)),
			).map(words),
		).toEqual(["R17 RolloutChanged spec.rollout.strategy from Live to Documented Node: gw-1 gw-2 inside"]);
	});

	test("live objects whose record is gone are no cause", () => {
		const forgotten = runningLive(intentOf(live)).map((entry) => ({ ...entry, appliedLive: undefined }));
		expect(causes(intentOf(live, other), forgotten)).toEqual([]);
	});
});

test("every row of the table that restarts has a change above, which is told by a reason of the row", () => {
	const rows = restartTable["XmppFederation"] ?? [];
	const before = running(intentOf());
	for (const row of rows) {
		const changes = cases.filter(([field]) => covers(row, field));
		const told = new Set(
			changes.flatMap(([, change, more]) => causes(intentOf(change, more), before).map(({ reason }) => reason)),
		);
		expect([row.field, [...told].toSorted()]).toEqual([row.field, [...row.reasons].toSorted()]);
	}
});

test("every reason is that of a field, of a secret, of aliases or of what happened to a node", () => {
	const others = ["AliasChanged", "EnabledNodeAdded", "EnabledNodeRemoved", "NodeAdded", "NodeRemoved", "Drifted"];
	const used = [...Object.values(intentFields), ...Object.values(secretFields)].map(({ reason }) => reason);
	expect([...new Set([...others, ...used])].toSorted()).toEqual(Object.keys(restartReasons).toSorted());
});

test("every part of a node's intent has a reason of its own", () => {
	const known = new Set([...Object.keys(intentFields), "secrets", "enabledNodes"]);
	for (const entry of intentOf().nodes) {
		const forgotten = Object.keys(entry).filter((name) => !known.has(name));
		expect(forgotten.map((name) => `NodeIntent.${name}: give it an entry in src/rollout/intent-fields.ts`)).toEqual([]);
		expect(Object.keys(entry.secrets).filter((name) => !(name in secretFields))).toEqual([]);
	}
});

describe("of aliases", () => {
	const alias = (spec: object, name = "rooms") => ({ ...rooms, name, spec: { ...rooms.spec, ...spec } });
	const changed = (
		before: readonly (typeof rooms)[],
		after: readonly (typeof rooms)[],
		change: Change = () => {},
	): readonly string[] =>
		causes(intentOf(change, { aliases: after }), running(intentOf(() => {}, { aliases: before }))).map(words);

	test.each<[string, readonly string[], readonly string[]]>([
		["gone", changed([rooms], []), ["ChatNodeAlias from rooms.example.com Node: gw-1 gw-2 inside"]],
		[
			"moved",
			changed([rooms], [alias({ node: "gw-1" })]),
			["ChatNodeAlias rooms: spec.node from gw-2 to gw-1 Node: gw-1 gw-2"],
		],
		[
			"moved to a node with another upstream",
			changed([rooms], [alias({ node: "inside" })]),
			[
				"ChatNodeAlias rooms: upstream.host from xmpp.chat.svc.cluster.local to 10.0.3.7 Node: gw-1 gw-2 inside",
				"ChatNodeAlias rooms: spec.node from gw-2 to inside Node: gw-2 inside",
			],
		],
		[
			"with an upstream of its own",
			changed([rooms], [alias({ upstream: { host: "xmpp.chat.svc", port: 5300 } })]),
			["ChatNodeAlias rooms: upstream.port from 5269 to 5300 Node: gw-1 gw-2 inside"],
		],
		["exposed otherwise", changed([rooms], [alias({ exposure: "Direct", hostname: "c.example.com" })]), []],
		["of another resource", changed([rooms], [alias({}, "other")]), []],
	])("%s", (_what, told, expected) => {
		expect(told).toHaveLength(expected.length);
		expect(told).toEqual(expect.arrayContaining(expected.map((line) => `R17 AliasChanged ${line}`)));
	});

	test("that move are told the same while nodes restart for it, one after the other", () => {
		const now = intentOf(() => {}, { aliases: [alias({ node: "gw-1" })] });
		const before = running(intentOf(() => {}, { aliases: [rooms] }));
		const told = causes(now, before);
		// gw-2, where it was, has let it go.
		const halfway = [
			...before.filter(({ name }) => name !== "gw-2"),
			...running(now).filter(({ name }) => name === "gw-2"),
		];
		expect(causes(now, halfway, told)).toEqual(told.map((cause) => ({ ...cause, nodes: ["gw-1"] })));
		expect(told).toMatchObject([{ from: "gw-2", to: "gw-1" }]);
	});

	test("that a node of an earlier operator does not have live yet restart it, and are told by that alone", () => {
		const live: Change = (spec) => void (spec.rollout = { strategy: "Live" });
		const before = intentOf(live, { aliases: [rooms] });
		const nodes = before.nodes.map(({ liveAliases: _sign, ...others }) => others);
		expect(causes(intentOf(live, { aliases: [] }), running({ ...before, nodes })).map(words)).toEqual([
			"R17 AliasChanged ChatNodeAlias from rooms.example.com Node: gw-1 gw-2 inside",
		]);
	});

	test("are not told where the strategy alone changes", () => {
		const live: Change = (spec) => void (spec.rollout = { strategy: "Live" });
		const documented: Change = (spec) => void (spec.rollout = {});
		const aliases = { aliases: [rooms] };
		for (const [before, after] of [
			[live, documented],
			[documented, live],
		] as const) {
			const told = causes(intentOf(after, aliases), runningLive(intentOf(before, aliases)));
			expect(told.map(({ reason, field }) => `${reason} ${field}`)).toEqual(["RolloutChanged spec.rollout.strategy"]);
		}
	});

	test("are taken over by nodes that have them live", () => {
		const live: Change = (spec) => void (spec.rollout = { strategy: "Live" });
		expect(
			causes(intentOf(live, { aliases: [] }), runningLive(intentOf(live, { aliases: [rooms] }))).map(words),
		).toEqual(["R17 AliasChanged ChatNodeAlias from rooms.example.com None: gw-1 gw-2 inside"]);
	});

	test("follow the upstream of their node", () => {
		expect(changed([rooms], [rooms], (spec) => void (node(spec, 1).upstream = { host: "b.chat.svc" }))).toEqual([
			"R17 AliasChanged ChatNodeAlias rooms: upstream.host from xmpp.chat.svc.cluster.local to b.chat.svc.cluster.local Node: gw-1 gw-2 inside",
			"R17 UpstreamChanged spec.nodes[gw-2].upstream.host from xmpp.chat.svc.cluster.local to b.chat.svc.cluster.local Node: gw-2",
		]);
	});
});

describe("causes", () => {
	test("a new federation has none", () => {
		expect(causes(intentOf(), [])).toEqual([]);
	});
	test("what an operator of another form recorded is told as that, beside what can be compared", () => {
		const older = intentOf().nodes.map((entry) => {
			const { enabledNodes: _none, ...record } = entry;
			return { ...entry, revision: "older", applied: { ...record, retired: 1 } };
		});
		const changed = causes(
			intentOf((spec) => void (spec.upstream.port = 5300)),
			older,
		);
		expect(changed.map(words).toSorted()).toEqual([
			"R15 OperatorChanged list of Enabled nodes Node: gw-1 gw-2 inside",
			"R15 OperatorChanged retired of node gw-1 Node: gw-1",
			"R15 OperatorChanged retired of node gw-2 Node: gw-2",
			"R15 OperatorChanged retired of node inside Node: inside",
			"R17 UpstreamChanged spec.upstream.port from 5269 to 5300 Node: gw-1 gw-2",
		]);
	});
	test.each([[undefined], ["text"], [{}], [[]]])("a node with the record %j has a cause all the same", (applied) => {
		const nodes = running(intentOf()).map((entry) => ({ ...entry, revision: "older", applied }));
		const told = new Set(causes(intentOf(), nodes).flatMap(({ nodes: names }) => names));
		expect([...told]).toEqual(["gw-1", "gw-2", "inside"]);
	});
	test("a node whose record says the same and whose revision is another has a cause all the same", () => {
		const nodes = running(intentOf()).map((entry) => ({ ...entry, revision: "older" }));
		expect(causes(intentOf(), nodes).map(({ reason }) => reason)).toEqual(Array(3).fill("OperatorChanged"));
	});
	test("a node that was enabled stays one that was enabled after its own restart", () => {
		const enable: Change = (spec) => void (node(spec, 2).federation = "Enabled");
		const earlier = causes(intentOf(enable), running(intentOf()));
		const half = running(intentOf()).map((entry) =>
			entry.name === "inside" ? (running(intentOf(enable))[2] ?? entry) : entry,
		);
		expect(causes(intentOf(enable), half, earlier).map(words)).toEqual([
			"R16 FederationToggled spec.nodes[inside].federation from Disabled to Enabled AllNodes: gw-1 gw-2",
		]);
	});
	describe("a restart that is asked for", () => {
		const time = "2026-06-01T11:00:00.000Z";
		const asked = (restart: string, carriedOut: Record<string, string> = {}) => {
			const federation = { ...sample("full") };
			const annotations = { "xmppfed.dev/restart": restart };
			const { intent } = modelled(
				{ ...federation, metadata: { ...federation.metadata, annotations } },
				{ ...givenSecrets, carriedOutRestarts: new Map(Object.entries(carriedOut)) },
			);
			return causes(intent, running(intentOf(undefined, { carriedOutRestarts: new Map(Object.entries(carriedOut)) })));
		};
		const field = "metadata.annotations[xmppfed.dev/restart]";
		test.each<[string, string, Record<string, string>, string[]]>([
			["of all nodes", time, {}, [`R15 Requested ${field} to ${time} AllNodes: gw-1 gw-2 inside`]],
			["of one", `gw-2@${time}`, {}, [`R15 Requested ${field} to ${time} Node: gw-2`]],
			[
				"of one, with an offset",
				"gw-2@2026-06-01T13:00:00+02:00",
				{},
				[`R15 Requested ${field} to ${time} Node: gw-2`],
			],
			["that was carried out", time, { "gw-1": time, "gw-2": time, inside: time }, []],
			[
				"again, at a later time",
				time,
				{ "gw-1": "2026-05-01T11:00:00.000Z" },
				[`R15 Requested ${field} to ${time} AllNodes: gw-1 gw-2 inside`],
			],
			["at an earlier time than what was carried out", `gw-1@${time}`, { "gw-1": "2026-06-01T11:30:00.000Z" }, []],
			[
				"of one, while another has not had its turn",
				`gw-1@${time},gw-2@2026-06-01T11:30:00Z`,
				{ "gw-2": time },
				[
					`R15 Requested ${field} to ${time} Node: gw-1`,
					`R15 Requested ${field} to 2026-06-01T11:30:00.000Z Node: gw-2`,
				],
			],
			["of another node than before", `gw-2@${time}`, { "gw-1": time, "gw-2": time }, []],
		])("%s", (_what, restart, carriedOut, expected) => {
			expect(asked(restart, carriedOut).map(words)).toEqual(expected);
		});
		test("and taken back restarts nothing", () => {
			const { intent } = modelled(sample("full"), { ...givenSecrets, carriedOutRestarts: new Map([["gw-1", time]]) });
			expect(causes(intent, running(intentOf(undefined, { carriedOutRestarts: new Map([["gw-1", time]]) })))).toEqual(
				[],
			);
		});
	});
	test("what somebody changed by hand", () => {
		const nodes = running(intentOf()).map((entry) => ({ ...entry, drifted: entry.name === "gw-2" }));
		expect(causes(intentOf(), nodes).map(words)).toEqual(["R15 Drifted Deployment of node gw-2 Node: gw-2"]);
	});
	test("values are bounded, and secrets are not shown", () => {
		const long = intentOf((spec) => void (node(spec, 0).nodeSelector = { key: "x".repeat(1000) }));
		const [cause] = causes(long, running(intentOf()));
		expect(cause?.to).toHaveLength(valueLimit);
		const secret = found(undefined, { dialback: { data: { secret: base64("another dialback secret") } } }).join();
		for (const { secrets } of intentOf().nodes) expect(secret).not.toContain(secrets.dialback);
	});
	test.each<[Partial<Cause>, string]>([
		[{ from: "a", to: "b" }, "spec.upstream.host changed from a to b"],
		[{ to: "b" }, "spec.upstream.host was set to b"],
		[{ from: "a" }, "spec.upstream.host was removed (it was a)"],
		[{}, "spec.upstream.host: The address of the internal server, as the node reaches it, changed"],
	])("in words: %j", (values, expected) => {
		const cause: Cause = {
			rule: "R17",
			reason: "UpstreamChanged",
			field: "spec.upstream.host",
			scope: "Node",
			nodes: ["gw-1"],
			...values,
		};
		expect(describeCause(cause)).toBe(expected);
	});
});
