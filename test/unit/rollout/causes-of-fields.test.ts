import { describe, expect, test } from "vitest";
import type { FederationInputs } from "../../../src/model/federation-inputs.ts";
import { policyOf } from "../../../src/model/policy/compile.ts";
import { causes } from "../../../src/rollout/causes.ts";
import { intentFields, secretFields } from "../../../src/rollout/intent-fields.ts";
import { restartReasons } from "../../../src/rollout/reasons.ts";
import { covers, restartTable } from "../../../src/rollout/restart-table.ts";
import { base64, certificate, inputs, key, otherAuthority } from "../fixtures/federation.ts";
import { type Change, certificateOfOthers, found, intentOf, node, rooms, running } from "./causes-support.ts";

const partners = new Map([
	["partner.example", { directions: new Set(["Incoming"] as const), source: "spec.exceptions" }],
]);

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

describe("a change of", () => {
	test.each(cases)("%s", (_field, change, more, expected) => {
		expect(found(change, more).toSorted()).toEqual([...expected].toSorted());
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
