import { describe, expect, test } from "vitest";
import { liveAliasesDigest } from "../../../src/gateway/settings.ts";
import type { FederationIntent } from "../../../src/model/intent.ts";
import { liveRevision } from "../../../src/model/revision.ts";
import type { LiveState } from "../../../src/rollout/live.ts";
import { aliasNodes } from "../../../src/status/alias-nodes.ts";
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
const [digest, older] = [live.nodes[0] && liveAliasesDigest(live.nodes[0]), "older"];
const [name = ""] = live.nodes.map((node) => node.name);

/** How far the first node is. */
function first(intent: FederationIntent, changes: Partial<NodeObservation>, waiting: "Paused" | undefined): string {
	const nodes = runningNodes(intent, { [name]: changes });
	const plan = { steps: [], waiting: waiting ? [{ node: name, reason: waiting }] : [] };
	const found = aliasNodes(observationOf(intent, { nodes, plan })).find((node) => node.name === name);
	return found?.state ?? "none";
}

const takeOver = (state: LiveState["state"]) => ({ takeOver: { state, message: "" } });
const revision = live.nodes[0] && liveRevision(live.nodes[0]);

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
		["whose processes all use it", { usedAliases: [digest, digest] }, "Serving"],
		["of which one process uses another one", { usedAliases: [digest, older] }, "Pending"],
		["of which one process has none", { usedAliases: [undefined, digest] }, "Pending"],
		[
			"that has all that it was given, which was another one",
			{ ...takeOver("InForce"), usedAliases: [older] },
			"Pending",
		],
		["that takes something else over", { ...takeOver("Applying"), usedAliases: [digest] }, "Serving"],
		["that refuses something else", { ...takeOver("Refused"), usedAliases: [digest] }, "Serving"],
		[
			"that does not tell what it uses, but that it is all it was given",
			{ ...takeOver("InForce"), live: revision },
			"Serving",
		],
		["that does not tell what it uses, and was given another one", { ...takeOver("InForce"), live: older }, "Pending"],
		[
			"that does not tell what it uses, and takes something over",
			{ ...takeOver("Applying"), live: revision },
			"Pending",
		],
		["that tells nothing", {}, "Pending"],
		["that has another revision", { revision: older, usedAliases: [digest] }, "Pending"],
	])("that takes aliases over while it runs, %s", (_what, changes, expected) => {
		expect(first(live, changes, undefined)).toBe(expected);
	});
});

test("of what is not known there are no nodes", () => {
	expect(aliasNodes({ ...observationOf(live), intent: undefined })).toEqual([]);
});
