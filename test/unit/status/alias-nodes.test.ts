import { describe, expect, test } from "vitest";
import { liveAliasesDigest } from "../../../src/gateway/settings.ts";
import type { FederationIntent } from "../../../src/model/intent.ts";
import type { LiveState } from "../../../src/rollout/live.ts";
import { aliasNodes, unlinkedNodes } from "../../../src/status/alias-nodes.ts";
import type { NodeObservation } from "../../../src/status/federation-observation.ts";
import { givenSecrets, modelled, sample } from "../fixtures/federation.ts";
import { observationOf, runningNodes } from "../fixtures/observation.ts";

const federationRef = { name: "example-full" };
const { intent: documented } = modelled(sample("full"), {
	...givenSecrets,
	aliases: [
		{
			name: "rooms",
			domain: "rooms.example.com",
			spec: { federationRef, alias: "rooms.example.com", node: "gw-2" },
		},
	],
});
const live: FederationIntent = {
	...documented,
	nodes: documented.nodes.map((node) => ({ ...node, strategy: "Live", liveAliases: true })),
};
/** Of the first node. */
const [digest = "", older] = [live.nodes[0] && liveAliasesDigest(live.nodes[0]), "older"];
const [name = ""] = live.nodes.map((node) => node.name);

/** How far the first node is. */
function first(intent: FederationIntent, changes: Partial<NodeObservation>, waiting: "Paused" | undefined): string {
	const nodes = runningNodes(intent, { [name]: changes });
	const plan = { steps: [], waiting: waiting ? [{ node: name, reason: waiting }] : [] };
	const found = aliasNodes(observationOf(intent, { nodes, plan })).find((node) => node.name === name);
	return found?.state ?? "none";
}

const of = (used: string) => ({ digest: used });
const takeOver = (state: LiveState["state"]) => ({ takeOver: { state, message: "" } });

describe("a node", () => {
	test.each<[string, Partial<NodeObservation>, string]>([
		["runs its revision", {}, "Serving"],
		["runs another revision", { revision: older }, "Pending"],
		["is not ready", { ready: false }, "Pending"],
		["has an old pod that drains", { moving: true }, "Pending"],
		["is being deleted", { leaving: true }, "Pending"],
		["was changed by hand", { drifted: true }, "Pending"],
	])("that restarts for an alias and %s", (_what, changes, expected) => {
		expect(first(documented, changes, undefined)).toBe(expected);
	});

	test("that waits because roll-outs are paused", () => {
		expect(first(documented, { revision: older }, "Paused")).toBe("Paused");
	});

	test.each<[string, Partial<NodeObservation>, string]>([
		["which uses them", { aliasesInForce: of(digest) }, "Serving"],
		["which uses others", { aliasesInForce: of(older) }, "Pending"],
		["which has none", { aliasesInForce: {} }, "Pending"],
		["which does not tell", {}, "Pending"],
		[
			"and has all that it was given, which were others",
			{ ...takeOver("InForce"), aliasesInForce: of(older) },
			"Pending",
		],
		["and takes something else over", { ...takeOver("Applying"), aliasesInForce: of(digest) }, "Serving"],
		["and refuses something else", { ...takeOver("Refused"), aliasesInForce: of(digest) }, "Serving"],
		["and has another revision", { revision: older, aliasesInForce: of(digest) }, "Pending"],
	])("that takes aliases over while it runs %s", (_what, changes, expected) => {
		expect(first(live, changes, undefined)).toBe(expected);
	});
});

test("a node that keeps an alias until the other one serves it has still to let it go", () => {
	const nodes = live.nodes.map((node) => ({
		...node,
		aliases: Object.fromEntries(
			Object.entries(node.aliases ?? {}).map(([alias, settings]) => [alias, { ...settings, here: true }]),
		),
	}));
	const found = runningNodes(live).map((node) => {
		const wanted = nodes.find((one) => one.name === node.name);
		return { ...node, aliasesInForce: of((wanted && liveAliasesDigest(wanted)) ?? "") };
	});
	const states = aliasNodes(observationOf({ ...live, nodes }, { nodes: found }));
	expect(states.map((node) => `${node.name} ${node.state}`)).toEqual([
		"gw-1 Pending",
		"gw-2 Serving",
		"inside Pending",
	]);
});

describe("the router of an alias's node", () => {
	const unlinked = (changes: Readonly<Record<string, Partial<NodeObservation>>>) =>
		unlinkedNodes(observationOf(live, { nodes: runningNodes(live, changes) }), "gw-2");

	test.each<[string, Parameters<typeof unlinked>[0], string[]]>([
		["has all its links", { "gw-2": { linkedTo: ["gw-1", "gw-2"] } }, []],
		["has none to another node", { "gw-2": { linkedTo: ["gw-2"] } }, ["gw-1"]],
		["has none to its own node", { "gw-2": { linkedTo: ["gw-1"] } }, ["gw-2"]],
		["does not say", {}, []],
		["needs none to a node that is not ready", { "gw-1": { ready: false }, "gw-2": { linkedTo: ["gw-2"] } }, []],
		["needs none to a node whose old pod drains", { "gw-1": { moving: true }, "gw-2": { linkedTo: ["gw-2"] } }, []],
		["needs none to a node that is to restart", { "gw-1": { revision: older }, "gw-2": { linkedTo: ["gw-2"] } }, []],
	])("%s", (_what, changes, expected) => {
		expect(unlinked(changes)).toEqual(expected);
	});
});

test("of what is not known there are no nodes", () => {
	expect(aliasNodes({ ...observationOf(live), intent: undefined })).toEqual([]);
});
