import { expect, test } from "vitest";
import type { FederationIntent } from "../../../src/model/intent.ts";
import { nodeRevision } from "../../../src/model/revision.ts";
import type { AppliedNode } from "../../../src/rollout/causes.ts";
import { handingOver } from "../../../src/rollout/hand-over.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const nodes = ["a", "b", "c"].map((name) => ({ name, federation: "Enabled" as const, port: 5269 }));

/** @param chatNode its place; undefined: there is no alias */
const intent = (chatNode: number | undefined): FederationIntent =>
	new SimulatedCluster().intent({
		nodes,
		drainSeconds: 30,
		strategy: "Documented",
		chatNode,
		certificate: "one",
		orders: { restarts: [], paused: false, outageAllowed: false },
	});
const running = (before: FederationIntent): AppliedNode[] =>
	before.nodes.map((node) => ({ ...node, revision: nodeRevision(node), applied: JSON.parse(JSON.stringify(node)) }));

test.each<[string, number | undefined, number | undefined, string[]]>([
	["moves", 0, 1, ["a"]],
	["stays", 0, 0, []],
	["comes", undefined, 1, []],
	["goes", 0, undefined, []],
])("an alias that %s", (_what, before, after, expected) => {
	expect([...handingOver(intent(after), running(intent(before)))]).toEqual(expected);
});

test.each([
	["is gone", undefined],
	["is of another version", { aliases: { "conference.example.com": "gw-1" } }],
])("a record that %s hands nothing over", (_what, applied) => {
	const found = running(intent(0)).map((node) => ({ ...node, applied }));
	expect([...handingOver(intent(1), found)]).toEqual([]);
});
