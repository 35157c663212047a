import { describe, expect, test } from "vitest";
import { xmppFederationStatus } from "../../../src/api/xmpp-federation-status.ts";
import { linkCertificateSecretName } from "../../../src/model/names.ts";
import { nodeRevision } from "../../../src/model/revision.ts";
import { causes } from "../../../src/rollout/causes.ts";
import { plan } from "../../../src/rollout/plan.ts";
import { type DnsAnswers, dnsQuestions, questionKey } from "../../../src/status/dns-published.ts";
import { dnsRecords } from "../../../src/status/dns-records.ts";
import type { FederationObservation, NodeObservation } from "../../../src/status/federation-observation.ts";
import { federationStatus } from "../../../src/status/federation-status.ts";
import { transitions } from "../../../src/status/transitions.ts";
import { givenSecrets, modelled, now, sample } from "../fixtures/federation.ts";
import { desiredNodes, observationOf, runningNodes } from "../fixtures/observation.ts";

const { intent, certificate } = modelled(sample("full"), givenSecrets);
const given = { ...certificate, source: "Given", findings: [] } as const;
const desired = desiredNodes(intent);
const running = (changes: Record<string, Partial<NodeObservation>> = {}) => runningNodes(intent, changes);

const services: FederationObservation["services"] = {
	public: { name: "p", clusterIP: "10.0.0.1", ingress: ["192.0.2.5"] },
	nodes: new Map([["gw-1", { name: "p-1", clusterIP: "10.0.0.4", ingress: ["192.0.2.11"] }]]),
	internal: { name: "i", clusterIP: "10.0.0.2", ingress: ["192.0.2.6"] },
};

/** DNS that has what the status says. */
const dns: DnsAnswers = new Map(
	dnsQuestions(dnsRecords({ intent, services })).map((question) => {
		const records = dnsRecords({ intent, services }).filter((record) => questionKey(record) === questionKey(question));
		return [questionKey(question), { records: records.map(({ value }) => value) }];
	}),
);

const observation = (changes: Partial<FederationObservation> = {}) =>
	observationOf(intent, { certificate: given, services, dns, ...changes });

const verdicts = (changes: Partial<FederationObservation>) =>
	Object.fromEntries(
		federationStatus(observation(changes), {}, now).conditions.map(({ type, status, reason }) => [
			type,
			`${status} ${reason}`,
		]),
	);
const well = {
	Accepted: "True Accepted",
	Ready: "True AllNodesReady",
	Progressing: "False Complete",
	Degraded: "False AsExpected",
	CertificateValid: "True Valid",
	SettingsConsistent: "True OnlyFederation",
	DNSPublished: "True Published",
};
const { domains = [] } = intent.nodes[0] ?? {};
const problem = { reason: "SecretNotFound" as const, field: "spec.security", message: "Secret is missing." };
const limited = { reason: "PlatformLimited" as const, field: "spec.peers[a.example].platform", message: "No rooms." };
const obstacle = { reason: "ObjectConflict" as const, field: "", message: "Service x belongs to nobody." };

test.each<[string, Partial<FederationObservation>, Partial<typeof well>]>([
	["all is well", {}, {}],
	[
		"a Secret is missing",
		{ problems: [problem], intent: undefined, certificate: undefined, plan: { steps: [], waiting: [] } },
		{
			Accepted: "False SecretNotFound",
			Ready: "False NotAccepted",
			Progressing: "False NotAccepted",
			CertificateValid: "Unknown NotAccepted",
			SettingsConsistent: "Unknown NotAccepted",
			DNSPublished: "Unknown NotAccepted",
		},
	],
	["a peer is limited", { warnings: [limited] }, { Accepted: "True AcceptedWithWarnings" }],
	["a name is taken", { obstacles: [obstacle] }, { Ready: "False ObjectConflict", Degraded: "True ObjectConflict" }],
	[
		"nothing exists yet",
		{ nodes: [], plan: plan(desired, []) },
		{ Ready: "False NodesNotReady", Progressing: "True RollingOut" },
	],
	[
		"a pod starts",
		{ nodes: running({ "gw-1": { ready: false } }) },
		{ Ready: "False NodesNotReady", Progressing: "True RollingOut" },
	],
	[
		"a pod fails",
		{ nodes: running({ "gw-1": { ready: false, trouble: "pod a: CrashLoopBackOff" } }) },
		{ Ready: "False NodesNotReady", Progressing: "False Blocked", Degraded: "True NodeFailing" },
	],
	[
		"the upstream is away",
		{ nodes: running({ "gw-1": { upstream: { reachable: false, error: "connection refused" } } }) },
		{ Degraded: "True UpstreamUnreachable" },
	],
	[
		"the internal server does not serve a domain",
		{ nodes: running({ "gw-1": { upstream: { reachable: true, unserved: ["conference.example.com"] } } }) },
		{ Degraded: "True DomainNotServed" },
	],
	[
		"the internal server serves no domain",
		{ nodes: running().map((node) => ({ ...node, upstream: { reachable: true, unserved: domains } })) },
		{ Ready: "False DomainNotServed", Degraded: "True DomainNotServed" },
	],
	[
		"a process cannot use the link certificate",
		{ nodes: running({ "gw-1": { linkFailures: ["federation: it cannot be read"] } }) },
		{ Degraded: "True LinkCertificateUnusable" },
	],
	[
		"a node drains",
		{ nodes: running({ "gw-1": { moving: true } }) },
		{ Ready: "False NodesNotReady", Progressing: "True RollingOut" },
	],
	[
		"a node takes over what changed",
		{ nodes: running({ "gw-1": { live: "a", takeOver: { state: "Applying", message: "takes over" } } }) },
		{ Progressing: "True RollingOut", SettingsConsistent: "False NodesBehind" },
	],
	[
		"a node refuses what changed",
		{ nodes: running({ "gw-1": { live: "a", takeOver: { state: "Refused", message: "goes on" } } }) },
		{
			Ready: "False NodesNotReady",
			Progressing: "False Blocked",
			Degraded: "True SettingsNotInForce",
			SettingsConsistent: "False NodesBehind",
		},
	],
	[
		"a node does not take over what changed",
		{ nodes: running({ "gw-1": { live: "a", takeOver: { state: "Overdue", message: "has not" } } }) },
		{
			Ready: "False NodesNotReady",
			Progressing: "False Blocked",
			Degraded: "True SettingsNotInForce",
			SettingsConsistent: "False NodesBehind",
		},
	],
	[
		"no node is Enabled",
		{ intent: { ...intent, nodes: intent.nodes.slice(2) }, nodes: running().slice(2) },
		{ Ready: "True NoEnabledNode", DNSPublished: "Unknown NothingToPublish" },
	],
	["a dialback secret is made known", { dialbackWaitsFor: ["gw-1"] }, { Progressing: "True DialbackRotation" }],
	[
		"the certificate is self-signed",
		{ certificate: { ...given, source: "SelfSigned" } },
		{ CertificateValid: "False SelfSigned" },
	],
	[
		"the certificate lacks a name",
		{ certificate: { ...given, findings: [{ reason: "NameMissing", message: "no subjectAltName for a.example" }] } },
		{ CertificateValid: "False NameMissing" },
	],
	[
		"the certificate soon expires",
		{ certificate: { ...given, findings: [{ reason: "ExpiresSoon", message: "it expires" }] } },
		{ CertificateValid: "True ExpiresSoon" },
	],
	[
		"the gateway cannot use the certificate",
		{ certificate: { reason: "KeyMismatch", message: "tls.key is not the key" } },
		{ CertificateValid: "False KeyMismatch" },
	],
])("conditions when %s", (_what, changes, expected) => {
	expect(verdicts(changes)).toEqual({ ...well, ...expected });
});

const unreachable = { upstream: { reachable: false, error: "connection refused" } };
test.each<[string, Partial<FederationObservation>, string]>([
	[
		"no node reaches the upstream",
		{ nodes: running({ "gw-1": unreachable, "gw-2": unreachable, inside: unreachable }) },
		"False UpstreamUnreachable",
	],
	[
		"the load balancer has given no address",
		{ services: { public: { name: "p", clusterIP: "10.0.0.1", ingress: [] } } },
		"False NoPublicAddress",
	],
	[
		"the load balancer has given no address to a node that has one of its own",
		{ services: { ...services, nodes: new Map([["gw-1", { name: "p-1", ingress: [] }]]) } },
		"False NoPublicAddress",
	],
	[
		"the load balancer has given no address to the routers",
		{
			services: {
				public: { name: "p", ingress: ["192.0.2.5"] },
				internal: { name: "i", clusterIP: "10.0.0.2", ingress: [] },
			},
		},
		"False NoInternalAddress",
	],
	[
		"the load balancer has given no address to the resolver",
		{
			services: {
				public: { name: "p", ingress: ["192.0.2.5"] },
				internal: { name: "i", ingress: ["192.0.2.6"] },
				resolver: { name: "r", clusterIP: "10.0.0.3", ingress: [] },
			},
		},
		"False NoInternalAddress",
	],
])("not ready when %s", (_what, changes, expected) => {
	expect(verdicts(changes)["Ready"]).toBe(expected);
});

test.each<[reason: string, wrong: Partial<NodeObservation>, unasked: Partial<NodeObservation>]>([
	["UpstreamUnreachable", unreachable, { upstream: undefined }],
	["LinkCertificateUnusable", { linkFailures: ["router: it cannot be read"] }, { linkFailures: undefined }],
])("Degraded by %s stands until every process has been asked again", (reason, wrong, unasked) => {
	const first = federationStatus(observation({ nodes: running({ "gw-1": wrong }) }), {}, now);
	const degraded = (nodes: NodeObservation[]) =>
		federationStatus(observation({ nodes }), first, now).conditions.find(({ type }) => type === "Degraded")?.reason;
	expect(degraded(running({ "gw-1": unasked }))).toBe(reason);
	expect(degraded(running())).toBe("AsExpected");
});

test("Ready and Degraded stand while a step is about to be taken", () => {
	const first = federationStatus(observation({ obstacles: [obstacle] }), {}, now);
	const nodes = running({ "gw-1": { revision: "old" } });
	const before = federationStatus(observation({ nodes, plan: plan(desired, nodes), acting: true }), first, now);
	const after = federationStatus(observation({ nodes, obstacles: [obstacle] }), before, now);
	expect(before.nodes[0]).toMatchObject({ state: "Restarting", reason: "OperatorChanged" });
	expect(before.conditions).toEqual(after.conditions);
});

test("before a step nothing is said to be Ready for a generation that nothing has been done for", () => {
	const first = federationStatus(observation({ generation: 1 }), {}, now);
	const nodes = running({ "gw-1": { revision: "old" } });
	const changed = { generation: 2, nodes, plan: plan(desired, nodes) };
	const generations = (changes: Partial<FederationObservation>) =>
		Object.fromEntries(
			federationStatus(observation({ ...changed, ...changes }), first, now).conditions.map((entry) => [
				entry.type,
				entry.observedGeneration,
			]),
		);
	expect(generations({ acting: true })).toMatchObject({ Accepted: 2, Progressing: 2, Ready: 1, Degraded: 1 });
	expect(generations({ acting: false })).toMatchObject({ Ready: 2, Degraded: 2 });
});

describe("status", () => {
	test("of the full sample", async () => {
		const status = federationStatus(observation(), {}, now);
		expect(xmppFederationStatus.parse(status)).toEqual(status);
		await expect(`${JSON.stringify(status, null, "\t")}\n`).toMatchFileSnapshot("golden/full.status.json");
	});

	test("names what is wrong, with field and remedy", () => {
		const nodes = running({ "gw-1": { upstream: { reachable: false, error: "connection refused" } } });
		const { conditions } = federationStatus(observation({ nodes }), {}, now);
		const message = conditions.find(({ type }) => type === "Degraded")?.message;
		expect(message).toMatch(
			/spec\.upstream: xmpp\.chat\.svc\.cluster\.local:5269 \(connection refused\) cannot be reached from node gw-1\. Check/,
		);
	});

	test("names a domain that the internal server does not serve, with the nodes that found so", () => {
		const upstream = { reachable: true, unserved: ["example.com"] };
		const nodes = running({ "gw-1": { upstream }, "gw-2": { upstream } });
		const { conditions } = federationStatus(observation({ nodes }), {}, now);
		expect(conditions.find(({ type }) => type === "Degraded")?.message).toBe(
			"The internal server at xmpp.chat.svc.cluster.local:5269 does not serve example.com: it answers host-unknown to nodes " +
				"gw-1, gw-2. Set the domain up there, or name the right one in spec.domain or spec.additionalDomains.",
		);
	});

	test("names the Secret of a link certificate that cannot be used, and every process", () => {
		const nodes = running({
			"gw-1": { linkFailures: ["router: no file", "federation: wrong key"] },
			inside: { linkFailures: ["router: no file"] },
		});
		const { conditions } = federationStatus(observation({ nodes }), {}, now);
		expect(conditions.find(({ type }) => type === "Degraded")?.message).toBe(
			`Secret ${linkCertificateSecretName(intent.name)} has what cannot be used for links: node gw-1, router: no file; ` +
				"node gw-1, federation: wrong key; node inside, router: no file. New links are made with the certificate before, " +
				"until that expires; a process that has started since makes none. Delete the Secret: it is made again, and nothing " +
				"restarts.",
		);
	});

	test("changes lastTransitionTime with the status of a condition only", () => {
		const first = federationStatus(observation(), {}, now);
		const later = new Date(now.getTime() + 60_000);
		const nodes = running({ "gw-1": { ready: false } });
		const second = federationStatus(observation({ generation: 4, nodes }), first, later);
		const times = Object.fromEntries(
			second.conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
		);
		expect(times).toMatchObject({ Accepted: "2026-06-01T12:00:00Z", Ready: "2026-06-01T12:01:00Z" });
		expect(new Set(second.conditions.map(({ observedGeneration }) => observedGeneration))).toEqual(new Set([4]));
	});

	test("is equal for equal observations at any time", () => {
		const first = federationStatus(observation(), {}, now);
		expect(federationStatus(observation(), first, new Date(now.getTime() + 1e9))).toEqual(first);
	});

	test("shows what is in force while the resource is not accepted", () => {
		const first = federationStatus(observation(), {}, now);
		const refused = federationStatus(observation({ problems: [problem], intent: undefined }), first, now);
		expect(refused.effective).toEqual(first.effective);
		expect(refused.policy).toBe(first.policy);
		expect(refused.nodes.map(({ name, state }) => `${name} ${state}`)).toEqual([
			"gw-1 Current",
			"gw-2 Current",
			"inside Current",
		]);
	});
});

describe("events", () => {
	const expiring = { ...given, findings: [{ reason: "ExpiresSoon", message: "it expires" }] } as const;
	const told = (before: Partial<FederationObservation> | undefined, after: Partial<FederationObservation>) => {
		const first = before ? federationStatus(observation(before), {}, now).conditions : [];
		return transitions(first, federationStatus(observation(after), {}, now).conditions).map(
			({ type, reason }) => `${type} ${reason}`,
		);
	};
	test.each<[string, Partial<FederationObservation> | undefined, Partial<FederationObservation>, string[]]>([
		["the first time", undefined, {}, ["Normal AllNodesReady"]],
		["nothing new", {}, {}, []],
		["trouble", {}, { obstacles: [obstacle] }, ["Warning ObjectConflict"]],
		["the same trouble", { obstacles: [obstacle] }, { obstacles: [obstacle] }, []],
		[
			"the same trouble in other words",
			{ obstacles: [obstacle] },
			{ obstacles: [{ ...obstacle, message: "Another." }] },
			[],
		],
		[
			"another fault of the resource",
			{ problems: [problem] },
			{ problems: [{ ...problem, message: "Secret b is missing." }] },
			["Warning SecretNotFound"],
		],
		["its end", { obstacles: [obstacle] }, {}, ["Normal AllNodesReady", "Normal ObjectConflictResolved"]],
		["a certificate that soon expires", {}, { certificate: expiring }, ["Warning ExpiresSoon"]],
		["its renewal", { certificate: expiring }, {}, ["Normal ExpiresSoonResolved"]],
	])("for %s", (_what, before, after, expected) => {
		expect(told(before, after)).toEqual(expected);
	});
});

describe("the API takes the status", () => {
	/** Nodes of the resource, and nodes that are to go. */
	const changing = (count: number, former: number) => {
		const many = modelled(
			sample("smallest", (spec) => {
				spec.nodes = Array.from({ length: count }, (_, index) => ({ name: `new-${index}`, federation: "Enabled" }));
			}),
		);
		const gone = Array.from(
			{ length: former },
			(_, index): NodeObservation => ({
				name: `old-${index}`,
				federation: "Enabled",
				revision: "former",
				ready: true,
				moving: false,
				trouble: "",
				upstream: { reachable: true },
			}),
		);
		const wanted = many.intent.nodes.map((node) => ({ ...node, revision: nodeRevision(node) }));
		return observation({
			intent: many.intent,
			nodes: gone,
			acting: true,
			plan: plan(wanted, gone),
			causes: causes(many.intent, gone),
		});
	};

	test.each([
		["32 Enabled nodes of which one gets another name", 32, 1],
		["32 Enabled nodes that all get another name", 32, 32],
		["more nodes that are to go than a resource can have", 32, 64],
	])("of %s", (_what, count, former) => {
		const status = federationStatus(changing(count, former), {}, now);
		expect(xmppFederationStatus.safeParse(status).error?.issues ?? []).toEqual([]);
	});
});
