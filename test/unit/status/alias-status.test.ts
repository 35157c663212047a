import { describe, expect, test } from "vitest";
import { chatNodeAliasStatus } from "../../../src/api/chat-node-alias.ts";
import type { Problem } from "../../../src/model/problem.ts";
import type { AliasObservation } from "../../../src/status/alias-observation.ts";
import { aliasStatus } from "../../../src/status/alias-status.ts";
import { aliasZones } from "../../../src/status/alias-zones.ts";
import { dnsPublished } from "../../../src/status/dns-published.ts";
import { endpoints } from "../../../src/status/endpoints.ts";
import type { FederationObservation, NodeObservation } from "../../../src/status/federation-observation.ts";
import { federationStatus } from "../../../src/status/federation-status.ts";
import { givenSecrets, modelled, now, sample } from "../fixtures/federation.ts";
import { observationOf, runningNodes } from "../fixtures/observation.ts";

const federationRef = { name: "example-full" };
const { intent } = modelled(sample("full"), {
	...givenSecrets,
	aliases: [
		{
			name: "shared",
			domain: "conference-2.standalonecluster.example.com",
			spec: { federationRef, alias: "conference-2.StandAloneCluster.example.com", node: "gw-2" },
		},
		{
			name: "direct",
			domain: "rooms.elsewhere.example",
			spec: {
				federationRef,
				alias: "rooms.elsewhere.example",
				node: "gw-2",
				exposure: "Direct",
				hostname: "c2.example.com",
				publicPort: 25269,
			},
		},
	],
});

function observed(changes: Record<string, Partial<NodeObservation>> = {}): FederationObservation {
	const services = {
		public: { name: "p", ingress: ["192.0.2.5"] },
		aliases: new Map([["direct", { name: "a", ingress: ["192.0.2.12"] }]]),
	};
	return observationOf(intent, { nodes: runningNodes(intent, changes), services });
}

const named = (name: string) => intent.aliases?.find((alias) => alias.name === name);
const standing = (
	name: string,
	seen = observed(),
	warnings: readonly Problem[] = [],
): AliasObservation["standing"] => ({
	kind: "Accepted",
	warnings,
	seen,
	alias: seen.intent && named(name),
});
const status = (given: AliasObservation["standing"]) =>
	aliasStatus({ generation: 2, federation: "example-full", standing: given }, {}, now);

const shared = "conference-2.standalonecluster.example.com";
const taken: Problem = { reason: "Conflicted", field: "spec.alias", message: "a.example is taken." };
const limited: Problem = {
	reason: "PlatformLimited",
	field: "spec.peers[w.example].platform",
	message: "no invitations",
};
const served = "True Accepted The alias is valid and served.";
const notAccepted = "False NotAccepted The alias is not accepted; see the condition Accepted.";

test.each<[string, AliasObservation["standing"], accepted: string, programmed: string]>([
	[
		"of no federation",
		{ kind: "FederationNotFound" },
		"False FederationNotFound There is no XmppFederation example-full in this namespace. Create it, or delete this alias.",
		notAccepted,
	],
	[
		"that is refused",
		{ kind: "Refused", problems: [taken] },
		"False Conflicted spec.alias: a.example is taken. Until that is mended the alias is not served.",
		notAccepted,
	],
	[
		"that is served",
		standing("shared"),
		served,
		`True Programmed All 3 nodes know ${shared}; node gw-2 takes what peers send to it to xmpp.chat.svc.cluster.local:5269.`,
	],
	[
		"of a federation with peers that cannot do all",
		standing("shared", observed(), [limited]),
		"True AcceptedWithWarnings The alias is valid and served. But spec.peers[w.example].platform: no invitations.",
		`True Programmed All 3 nodes know ${shared}; node gw-2 takes what peers send to it to xmpp.chat.svc.cluster.local:5269.`,
	],
	[
		"of a federation that is not accepted",
		standing("shared", { ...observed(), intent: undefined }),
		served,
		"False FederationNotAccepted XmppFederation example-full is not accepted: see its condition Accepted.",
	],
	[
		"whose node is down",
		standing("shared", observed({ "gw-2": { ready: false } })),
		served,
		`False NodeNotReady Node gw-2 is not ready: what is sent to ${shared} is answered with an error until it is.`,
	],
	[
		"whose node is down, while the node that it leaves keeps it",
		standing("shared", {
			...observed({ "gw-2": { ready: false } }),
			intent: {
				...intent,
				nodes: intent.nodes.map((node) =>
					node.name === "gw-1"
						? { ...node, aliases: { [shared]: { upstream: { host: "h", port: 5269 }, here: true } } }
						: node,
				),
			},
		}),
		served,
		`False NodeNotReady Node gw-2 is not ready: what is sent to ${shared} goes to node gw-1 until it is.`,
	],
	[
		"that one node does not know yet",
		standing("shared", observed({ "gw-1": { revision: "older" } })),
		served,
		"False NodesPending Not yet on gw-1; see the nodes of XmppFederation example-full.",
	],
	[
		"that one node does not know while roll-outs are paused",
		standing("shared", {
			...observed({ "gw-1": { revision: "older" } }),
			plan: { steps: [], waiting: [{ node: "gw-1", reason: "Paused" }] },
		}),
		served,
		"False Paused Not yet on gw-1: roll-outs of XmppFederation example-full are paused.",
	],
	[
		"whose node has no link to a node that faces the internet",
		standing("shared", observed({ "gw-2": { linkedTo: ["gw-2"] } })),
		served,
		`False LinksDown The router of node gw-2 has no link to gw-1 yet: what peers send to ${shared} by there is answered ` +
			"with an error.",
	],
	[
		"whose upstream is down, as its node says",
		standing(
			"shared",
			observed({
				"gw-1": { aliases: [{ domain: shared, reachable: true }] },
				"gw-2": { aliases: [{ domain: shared, reachable: false, error: "connection refused" }] },
			}),
		),
		served,
		"False UpstreamUnreachable Node gw-2 does not reach xmpp.chat.svc.cluster.local:5269 (connection refused), which has " +
			`the rooms of ${shared}.`,
	],
	[
		"that its upstream does not serve, as its node says",
		standing("shared", observed({ "gw-2": { aliases: [{ domain: shared, reachable: true, served: false }] } })),
		served,
		`False DomainNotServed The server at xmpp.chat.svc.cluster.local:5269 does not serve ${shared}: it answers host-unknown ` +
			"to node gw-2. Set the domain up there, with its rooms, or name the right server in spec.upstream.",
	],
	[
		"that is Direct, whose Service has no address",
		standing("direct", {
			...observed(),
			services: { aliases: new Map([["direct", { name: "a", ingress: [] }]]) },
		}),
		served,
		"False NoPublicAddress Service a has no address yet: nothing in this Kubernetes cluster has given its LoadBalancer one. " +
			"Install a load balancer, or set spec.service.type to NodePort or ClusterIP.",
	],
])("an alias %s", (_name, given, accepted, programmed) => {
	const { conditions = [], observedGeneration } = status(given);
	expect(observedGeneration).toBe(2);
	expect(conditions.map(({ status: is, reason, message }) => `${is} ${reason} ${message}`)).toEqual([
		accepted,
		programmed,
	]);
	expect(chatNodeAliasStatus.safeParse(status(given)).success).toBe(true);
});

describe("what is to be published", () => {
	const lines = (records: readonly { name: string; type: string; value: string }[] = []) =>
		records.map(({ name, type, value }) => `${name} ${type} ${value}`);

	test("of a Shared alias: where the federation's domains are", () => {
		const { dnsRecords, zones, endpoints: reached } = status(standing("shared"));
		expect(lines(dnsRecords)).toEqual([
			`_xmpp-server._tcp.${shared}. SRV 10 5 25269 xmpp-1.example.com.`,
			"xmpp-1.example.com. A 192.0.2.11",
		]);
		expect(zones).toEqual(["standalonecluster.example.com"]);
		expect(reached).toBeUndefined();
	});

	test("of a Direct alias: its own host, port and Service", () => {
		const { dnsRecords, zones, endpoints: reached } = status(standing("direct"));
		expect(lines(dnsRecords)).toEqual([
			"_xmpp-server._tcp.rooms.elsewhere.example. SRV 10 5 25269 c2.example.com.",
			"c2.example.com. A 192.0.2.12",
		]);
		expect(zones).toEqual(["elsewhere.example"]);
		expect(reached).toEqual([{ for: "Public", host: "192.0.2.12", port: 25269, name: "a" }]);
	});

	test("the federation's status has it as well, and looks for it", () => {
		const { dnsRecords } = federationStatus(observed(), {}, now);
		expect(lines(dnsRecords)).toEqual(
			expect.arrayContaining([
				...lines(status(standing("shared")).dnsRecords),
				...lines(status(standing("direct")).dnsRecords),
			]),
		);
		expect(endpoints(observed())).toContainEqual({ for: "Public", host: "192.0.2.12", port: 25269, name: "a" });
		// A Direct alias is published even where no node is.
		const unpublished = { ...intent, nodes: intent.nodes.map((node) => ({ ...node, published: false })) };
		const of = { ...observed(), intent: { ...unpublished, nodeAddresses: [] } };
		expect(dnsPublished(of).reason).toBe("NotLookedUp");
	});
});

test.each([
	["conference-2.standalonecluster.example.com", ["standalonecluster.example.com"]],
	["conference-2-standalonecluster.example.com", []],
	["a.b.c.example.com", ["c.example.com", "b.c.example.com"]],
	// Of the nearest domain.
	["a.b.more.example.com", ["b.more.example.com"]],
	["rooms.notexample.com", ["notexample.com"]],
	["elsewhere.example", []],
])("zones of %s", (alias, zones) => {
	expect(aliasZones(alias, ["example.com", "more.example.com"])).toEqual(zones);
});
