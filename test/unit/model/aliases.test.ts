import { describe, expect, test } from "vitest";
import type { ChatNodeAliasSpec } from "../../../src/api/chat-node-alias.ts";
import {
	domainHolders,
	type JudgedAlias,
	judgeAliases,
	mostAliases,
	type ReadAlias,
} from "../../../src/model/aliases.ts";
import { nodeRevision } from "../../../src/model/revision.ts";
import { givenSecrets, modelled, sample } from "../fixtures/federation.ts";

const federation = sample("full");
const named = (domain: string, spec: Partial<ChatNodeAliasSpec> = {}): ChatNodeAliasSpec => ({
	federationRef: { name: "example-full" },
	alias: domain,
	node: "gw-1",
	...spec,
});
const alias = (domain: string, spec: Partial<ChatNodeAliasSpec> = {}, name = "rooms"): ReadAlias => ({
	metadata: { namespace: "chat", name, creationTimestamp: "2026-02-01T00:00:00Z" },
	spec: named(domain, spec),
});
const nobody = domainHolders([], []);
const said = (verdict: JudgedAlias | undefined) =>
	verdict?.ok ? "served" : `${verdict?.problem.reason} ${verdict?.problem.field}: ${verdict?.problem.message}`;

describe("an alias", () => {
	test.each<[string, ReadAlias, string]>([
		["inside the domain", alias("rooms.example.com"), "served"],
		["nested, in mixed case", alias("conference-2.StandAloneCluster.example.com"), "served"],
		["outside the domain", alias("rooms.elsewhere.example"), "served"],
		["at a Disabled node", alias("rooms.example.com", { node: "inside" }), "served"],
		["Direct", alias("rooms.example.com", { exposure: "Direct", hostname: "c.example.com" }), "served"],
		[
			"that is the federation's domain",
			alias("Example.COM"),
			"Conflicted spec.alias: example.com is a domain of XmppFederation example-full itself: take it out there, or here.",
		],
		[
			"that is an additional domain",
			alias("conference.example.com"),
			"Conflicted spec.alias: conference.example.com is a domain of XmppFederation example-full itself: take it out " +
				"there, or here.",
		],
		[
			"that is a peer",
			alias("webex.example"),
			"Conflicted spec.alias: webex.example is a peer in spec.peers of XmppFederation example-full: take it out there.",
		],
		[
			"of no node",
			alias("rooms.example.com", { node: "gw-9" }),
			"NodeNotFound spec.node: XmppFederation example-full has no node gw-9. It has gw-1, gw-2, inside.",
		],
		[
			"Direct at a Disabled node",
			alias("rooms.example.com", { node: "inside", exposure: "Direct", hostname: "c.example.com" }),
			"NodeDisabled spec.node: federation is Disabled at node inside, so peers cannot connect to it: enable it there, or " +
				"set exposure: Shared.",
		],
	])("%s", (_name, given, verdict) => {
		expect(judgeAliases(federation, [given], nobody).map(said)).toEqual([verdict]);
	});

	const other = (name: string, creationTimestamp: string, spec: object) => ({
		metadata: { namespace: "elsewhere", name, creationTimestamp },
		spec,
	});
	const refused = (holder: string, why: string) =>
		`Conflicted spec.alias: rooms.example.com is the alias of ChatNodeAlias ${holder}, which is ${why}: delete one of them.`;

	test.each([
		["older", "theirs", "2026-01-01T00:00:00Z", refused("elsewhere/theirs", "older")],
		["as old, and after it by name", "theirs", "2026-02-01T00:00:00Z", "served"],
		[
			"as old, and before it by name",
			"a",
			"2026-02-01T00:00:00Z",
			refused("elsewhere/a", "as old and comes first by name"),
		],
		["as old, of its name, and after it by namespace", "rooms", "2026-02-01T00:00:00Z", "served"],
		["younger", "theirs", "2026-03-01T00:00:00Z", "served"],
	])("that another one has, which is %s", (_name, name, time, verdict) => {
		const own = alias("Rooms.Example.com");
		const theirs = other(name, time, own.spec);
		for (const list of [
			[theirs, own],
			[own, theirs],
		]) {
			expect(judgeAliases(federation, [own], domainHolders([], list)).map(said)).toEqual([verdict]);
		}
	});

	test("that another one of its name and age has, of a namespace that comes first", () => {
		const own = alias("rooms.example.com");
		const theirs = { ...own, metadata: { ...own.metadata, namespace: "a" } };
		expect(judgeAliases(federation, [own], domainHolders([], [own, theirs])).map(said)).toEqual([
			refused("a/rooms", "as old and comes first by namespace"),
		]);
	});

	test("that is a domain of another federation, however old that is", () => {
		const theirs = other("theirs", "2027-01-01T00:00:00Z", {
			domain: "a.example",
			additionalDomains: ["ROOMS.a.example"],
		});
		const judged = judgeAliases(federation, [alias("rooms.a.example")], domainHolders([theirs], []));
		expect(said(judged[0])).toBe(
			"Conflicted spec.alias: rooms.a.example is a domain of XmppFederation elsewhere/theirs: use another one.",
		);
	});

	test("is one of a bounded number, of which those that are not served do not count", () => {
		const many = Array.from({ length: mostAliases + 2 }, (_, index) =>
			alias(`rooms-${index}.example.com`, index === 0 ? { node: "gw-9" } : {}, `rooms-${index}`),
		);
		const judged = judgeAliases(federation, many, nobody);
		expect(judged.filter(({ ok }) => ok)).toHaveLength(mostAliases);
		expect(said(judged.at(-1))).toContain("TooManyAliases : the federation has 64 aliases already");
	});
});

describe("the intent", () => {
	const accepted = (name: string, spec: ChatNodeAliasSpec) => ({ name, domain: spec.alias.toLowerCase(), spec });
	const withAliases = (...aliases: readonly ReturnType<typeof accepted>[]) =>
		modelled(federation, { ...givenSecrets, aliases }).intent;

	test("has an alias at every node, and says which one is the chat node", () => {
		const { nodes, aliases } = withAliases(accepted("rooms", named("Rooms.example.com", { node: "inside" })));
		// Of the node, which has one of its own.
		const upstream = { host: "10.0.3.7", port: 5269 };
		expect(nodes.map((node) => node.aliases)).toEqual(
			[false, false, true].map((here) => ({ "rooms.example.com": { upstream, here } })),
		);
		expect(aliases).toEqual([{ name: "rooms", domain: "rooms.example.com", node: "inside", upstream }]);
	});

	test("has the alias' own upstream, else that of the federation", () => {
		const { nodes } = withAliases(
			accepted("a", named("a.example.com", { upstream: { host: "Rooms.chat.svc", port: 5270 } })),
			accepted("b", named("b.example.com")),
		);
		expect(nodes[2]?.aliases).toEqual({
			"a.example.com": { upstream: { host: "rooms.chat.svc.cluster.local", port: 5270 }, here: false },
			"b.example.com": { upstream: { host: "xmpp.chat.svc.cluster.local", port: 5269 }, here: false },
		});
	});

	test("is what it was where there are none", () => {
		expect(withAliases()).toEqual(modelled(federation, givenSecrets).intent);
		expect(Object.keys(withAliases())).not.toContain("aliases");
		expect(Object.keys(withAliases().nodes[0] ?? {})).not.toContain("aliases");
	});

	test("is the same for Shared and Direct but for the Service, so that nothing restarts", () => {
		const service = { type: "NodePort" } as const;
		const shared = withAliases(accepted("rooms", named("rooms.example.com")));
		const direct = withAliases(
			accepted(
				"rooms",
				named("rooms.example.com", { exposure: "Direct", hostname: "C.example.com", publicPort: 25269, service }),
			),
		);
		expect(direct.nodes.map(nodeRevision)).toEqual(shared.nodes.map(nodeRevision));
		expect(direct.aliases?.[0]?.direct).toEqual({
			hostname: "c.example.com",
			port: 25269,
			service: { type: "NodePort", annotations: {}, labels: {}, sourceRanges: [], externalTrafficPolicy: "Local" },
		});
	});

	test("moves an alias by changing two nodes", () => {
		const before = withAliases(accepted("rooms", named("rooms.example.com", { node: "gw-1" })));
		const after = withAliases(accepted("rooms", named("rooms.example.com", { node: "gw-2" })));
		const changed = after.nodes.filter((node, index) => {
			const old = before.nodes[index];
			return old && nodeRevision(old) !== nodeRevision(node);
		});
		expect(changed.map(({ name }) => name)).toEqual(["gw-1", "gw-2"]);
	});

	test("the certificate must have the names of aliases, and the resolver sends them to their upstreams", () => {
		const { intent, certificate } = modelled(federation, {
			...givenSecrets,
			aliases: [accepted("rooms", named("rooms.example.com", { upstream: { host: "10.0.3.9" } }))],
		});
		expect(certificate.findings.map(({ reason, message }) => `${reason}: ${message}`).join()).toContain(
			"rooms.example.com",
		);
		expect(intent.resolver?.local.at(-1)).toEqual({
			domain: "rooms.example.com",
			upstream: { host: "10.0.3.9", port: 5269 },
		});
	});
});
