import { describe, expect, test } from "vitest";
import type { FederationIntent } from "../../../src/model/intent.ts";
import { liveOf } from "../../../src/model/live.ts";
import { nodeRevision } from "../../../src/model/revision.ts";
import type { AppliedNode } from "../../../src/rollout/causes.ts";
import { handingOver, handingOverLive, type ServingNode } from "../../../src/rollout/hand-over.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const nodes = ["a", "b", "c"].map((name) => ({ name, federation: "Enabled" as const, port: 5269 }));

/** @param chatNode its place; undefined: there is no alias */
const intent = (chatNode: number | undefined, strategy: "Documented" | "Live" = "Documented"): FederationIntent =>
	new SimulatedCluster().intent({
		nodes,
		drainSeconds: 30,
		strategy,
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

describe("while nodes run, an alias that moves from a to b", () => {
	const before = intent(0, "Live");
	const moved = intent(1, "Live");
	const [, b] = moved.nodes;
	if (!b) throw new Error("there are three nodes");
	const has = { appliedLive: liveOf(b) };

	/** Nodes that have it for now. @param changes of what runs; Missing: there is no such node yet */
	function at(after: FederationIntent, changes: Readonly<Record<string, Partial<ServingNode> | "Missing">>): string[] {
		const found = before.nodes.flatMap((node): ServingNode[] => {
			const change = changes[node.name];
			if (change === "Missing") return [];
			const common = { name: node.name, ready: true, servesGivenAliases: true };
			return [{ ...common, revision: nodeRevision(node), appliedLive: liveOf(node), ...change }];
		});
		const { nodes: now } = handingOverLive(after, found);
		return now.filter(({ aliases }) => Object.values(aliases ?? {}).some(({ here }) => here)).map(({ name }) => name);
	}

	test.each<[string, Parameters<typeof at>[1], string[]]>([
		["stays at a until b has been told of it", {}, ["a", "b"]],
		["stays at a until b uses it", { b: { ...has, servesGivenAliases: false } }, ["a", "b"]],
		["stays at a while b is not ready", { b: { ...has, ready: false } }, ["a", "b"]],
		["stays at a while there is no b yet", { b: "Missing" }, ["a", "b"]],
		["leaves a once b uses it", { b: has }, ["b"]],
		["does not come to a where that did not have it", { a: { appliedLive: {} } }, ["b"]],
	])("%s", (_what, changes, expected) => {
		expect(at(moved, changes)).toEqual(expected);
	});

	test("is served by a node of an earlier operator once that runs the revision that has it", () => {
		const { liveAliases: _sign, ...earlier } = b;
		const after = { ...moved, nodes: moved.nodes.map((node) => (node === b ? earlier : node)) };
		expect(at(after, {})).toEqual(["a", "b"]);
		expect(at(after, { b: { revision: nodeRevision(earlier) } })).toEqual(["b"]);
	});

	test("and is deleted is nobody's at once", () => {
		expect(at(intent(undefined, "Live"), {})).toEqual([]);
	});
});
