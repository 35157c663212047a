import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DesiredNode, type ObservedNode, type Plan, plan, type Step } from "../../../src/rollout/plan.ts";

const desired = (name: string, revision: string, federation: DesiredNode["federation"] = "Enabled"): DesiredNode => ({
	name,
	revision,
	federation,
});
const observed = (name: string, revision: string, more: Partial<ObservedNode> = {}): ObservedNode => ({
	name,
	revision,
	federation: "Enabled",
	ready: true,
	moving: false,
	...more,
});
const words = ({ steps, waiting }: Plan) => [
	...steps.map(({ kind, node }) => `${kind} ${node}`),
	...waiting.map(
		({ node, behind, unlinked, reason }) =>
			`${node}${behind ? ` behind ${behind}` : ""}: ${reason}${unlinked ? ` to ${unlinked}` : ""}`,
	),
];

describe("plan", () => {
	test.each<[string, DesiredNode[], ObservedNode[], string[]]>([
		["nothing to do", [desired("a", "1")], [observed("a", "1")], []],
		["new nodes come together", [desired("a", "1"), desired("b", "1")], [], ["Create a", "Create b"]],
		[
			"one at a time, by name",
			[desired("b", "2"), desired("a", "2")],
			[observed("b", "1"), observed("a", "1")],
			["Restart a", "b behind a: AnotherNodeNext"],
		],
		[
			"the next waits for the one before to be ready",
			[desired("a", "2"), desired("b", "2")],
			[observed("a", "2", { ready: false, moving: true }), observed("b", "1")],
			["b behind a: PreviousNodeNotReady"],
		],
		[
			"no wait for what somebody's change by hand does to the very node that is put back, or to another such",
			[desired("a", "1"), desired("b", "1")],
			[observed("a", "1", { drifted: true, moving: true }), observed("b", "1", { drifted: true, moving: true })],
			["Restart a", "b behind a: AnotherNodeNext"],
		],
		[
			"no wait of a node for its own old pod, which somebody may have scaled up by hand",
			[desired("a", "2"), desired("b", "2")],
			[observed("a", "1", { moving: true }), observed("b", "1")],
			["Restart a", "b behind a: AnotherNodeNext"],
		],
		[
			"no wait for another node that somebody scaled up by hand and that has to restart as well",
			[desired("a", "2"), desired("b", "2")],
			[observed("a", "1", { moving: true, crowded: true }), observed("b", "1", { moving: true, crowded: true })],
			["Restart a", "b behind a: AnotherNodeNext"],
		],
		[
			"a wait for one that has not to restart, until it has been put back",
			[desired("a", "2"), desired("b", "1")],
			[observed("a", "1"), observed("b", "1", { moving: true, crowded: true })],
			["a behind b: OldPodDraining"],
		],
		[
			"and for its old pod to be gone",
			[desired("a", "2"), desired("b", "2")],
			[observed("a", "2", { moving: true }), observed("b", "1")],
			["b behind a: OldPodDraining"],
		],
		[
			"not ready first",
			[desired("a", "2"), desired("b", "2")],
			[observed("a", "1"), observed("b", "1", { ready: false })],
			["Restart b", "a behind b: AnotherNodeNext"],
		],
		[
			"a node that an alias leaves after the others, Disabled ones as well",
			[desired("a", "2"), desired("b", "2"), desired("c", "2", "Disabled")],
			[observed("a", "1", { handsOver: true }), observed("b", "1"), observed("c", "1", { federation: "Disabled" })],
			["Restart b", "c behind b: AnotherNodeNext", "a behind b: AnotherNodeNext"],
		],
		[
			"a broken node does not block its own repair",
			[desired("a", "3"), desired("b", "3")],
			[observed("a", "2", { ready: false, moving: true }), observed("b", "1")],
			["Restart a", "b behind a: AnotherNodeNext"],
		],
		[
			"two broken ones can be repaired",
			[desired("a", "2"), desired("b", "2")],
			[observed("a", "2", { ready: false }), observed("b", "1", { ready: false })],
			["Restart b"],
		],
		[
			"enabling before the rest, disabling last",
			[desired("a", "2", "Disabled"), desired("b", "2"), desired("c", "2", "Enabled")],
			[observed("a", "1"), observed("b", "1"), observed("c", "1", { federation: "Disabled" })],
			["Restart c", "b behind c: AnotherNodeNext", "a behind c: AnotherNodeNext"],
		],
		[
			"Enabled before Disabled: the router of a Disabled node needs an Enabled one with the same domains",
			[desired("a", "2", "Disabled"), desired("b", "2")],
			[observed("a", "1", { federation: "Disabled" }), observed("b", "1")],
			["Restart b", "a behind b: AnotherNodeNext"],
		],
		[
			"no wait for a Disabled node that waits for this one",
			[desired("a", "2", "Disabled"), desired("b", "2")],
			[observed("a", "2", { federation: "Disabled", ready: false }), observed("b", "1")],
			["Restart b"],
		],
		[
			"a wait for a Disabled node that has an Enabled one to link to",
			[desired("a", "2", "Disabled"), desired("b", "2"), desired("c", "2")],
			[observed("a", "2", { federation: "Disabled", ready: false }), observed("b", "1"), observed("c", "2")],
			["b behind a: NodeNotReady"],
		],
		[
			"a broken node that is not wanted goes first",
			[desired("b", "2")],
			[observed("a", "2", { ready: false }), observed("b", "1")],
			["Remove a", "b behind a: AnotherNodeNext"],
		],
		[
			"what somebody changed is put back, in its turn",
			[desired("a", "1"), desired("b", "1")],
			[observed("a", "1", { drifted: true }), observed("b", "1", { drifted: true })],
			["Restart a", "b behind a: AnotherNodeNext"],
		],
		[
			"removing after restarting",
			[desired("b", "2")],
			[observed("a", "1"), observed("b", "1")],
			["Restart b", "a behind b: AnotherNodeNext"],
		],
		[
			"a node that is on its way out is not removed again, and is waited for",
			[desired("b", "2")],
			[observed("a", "1", { ready: false, moving: true, leaving: true }), observed("b", "1")],
			["b behind a: OldPodDraining"],
		],
		[
			"a node on its way out does not block a repair",
			[desired("b", "2")],
			[observed("a", "1", { ready: false, moving: true, leaving: true }), observed("b", "1", { ready: false })],
			["Restart b"],
		],
		[
			"a node that crashes at its intent holds up the others",
			[desired("a", "1"), desired("b", "2")],
			[observed("a", "1", { ready: false }), observed("b", "1")],
			["b behind a: NodeNotReady"],
		],
		[
			"the next waits for the links of the one before",
			[desired("a", "2"), desired("b", "2"), desired("c", "2", "Disabled")],
			[
				observed("a", "2", { linkedTo: ["a"] }),
				observed("b", "2", { linkedTo: ["b"] }),
				observed("c", "1", { federation: "Disabled" }),
			],
			["c behind a: LinksDown to b"],
		],
		[
			"and goes on when they are up, or where a router did not say",
			[desired("a", "2"), desired("b", "2"), desired("c", "2", "Disabled")],
			[
				observed("a", "2", { linkedTo: ["b", "a"] }),
				observed("b", "2"),
				observed("c", "1", { federation: "Disabled" }),
			],
			["Restart c"],
		],
		[
			"one that does not reach it has nothing to lose",
			[desired("a", "2"), desired("b", "2")],
			[observed("a", "2", { upstream: { reachable: false } }), observed("b", "1", { upstream: { reachable: false } })],
			["Restart b"],
		],
		[
			"nor is a node waited for that is not at its intent, or did not say",
			[desired("a", "2"), desired("b", "2"), desired("c", "2")],
			[
				observed("a", "1", { ready: false, upstream: { reachable: false } }),
				observed("b", "1", { upstream: { reachable: true } }),
				observed("c", "2"),
			],
			["Restart a", "b behind a: AnotherNodeNext"],
		],
		[
			"links to nodes that are not at their intent are not waited for",
			[desired("a", "2"), desired("b", "2")],
			[observed("a", "2", { linkedTo: ["a"] }), observed("b", "1", { linkedTo: [] })],
			["Restart b"],
		],
		[
			"nor are links of a node that is repaired",
			[desired("a", "2"), desired("b", "2"), desired("c", "2")],
			[
				observed("a", "2", { linkedTo: ["a"] }),
				observed("b", "2", { linkedTo: ["b"] }),
				observed("c", "1", { ready: false }),
			],
			["Restart c"],
		],
		["removing", [desired("b", "1")], [observed("a", "1"), observed("b", "1")], ["Remove a"]],
		[
			"a new node is ready before another leaves",
			[desired("b", "1")],
			[observed("a", "1")],
			["Create b", "a behind b: PreviousNodeNotReady"],
		],
	])("%s", (_name, want, have, expected) => {
		expect(words(plan(want, have))).toEqual(expected);
	});
});

describe("orders", () => {
	const paused = { paused: true, outageAllowed: false };
	const allowed = { paused: false, outageAllowed: true };
	test("paused: nothing restarts or goes, not even what is broken; new nodes come", () => {
		const have = [observed("a", "1"), observed("b", "1", { ready: false }), observed("c", "1")];
		expect(words(plan([desired("a", "2"), desired("b", "2"), desired("d", "1")], have, paused))).toEqual([
			"Create d",
			"b: Paused",
			"a: Paused",
			"c: Paused",
		]);
	});
	test("paused: what is under way is not in the plan", () => {
		expect(words(plan([desired("a", "2")], [observed("a", "2", { moving: true })], paused))).toEqual([]);
	});
	test("what would cut off one more node from the internal server waits until it is allowed", () => {
		const want = [desired("a", "2"), desired("b", "2")];
		const have = [
			observed("a", "2", { upstream: { reachable: false } }),
			observed("b", "1", { upstream: { reachable: true } }),
		];
		expect(words(plan(want, have))).toEqual(["b behind a: UpstreamUnreachable"]);
		expect(words(plan(want, have, allowed))).toEqual(["Restart b"]);
	});
	const outages: [string, DesiredNode[], ObservedNode[]][] = [
		["disabling the last Enabled node", [desired("a", "2", "Disabled")], [observed("a", "1")]],
		[
			"removing it",
			[desired("b", "2", "Disabled")],
			[observed("a", "1"), observed("b", "1", { federation: "Disabled" })],
		],
	];
	test.each(outages)("%s waits until it is allowed", (_what, want, have) => {
		const { steps, waiting } = plan(want, have);
		expect(steps).toEqual([]);
		expect(new Set(waiting.map(({ reason }) => reason))).toEqual(new Set(["WouldLeaveNoEnabledNode"]));
		expect(plan(want, have, allowed).steps).toHaveLength(1);
	});
	test.each<[string, DesiredNode[], ObservedNode[]]>([
		[
			"where no node is Enabled anyway",
			[desired("a", "2", "Disabled")],
			[observed("a", "1", { federation: "Disabled" })],
		],
		[
			"where another one is enabled instead",
			[desired("a", "2", "Disabled"), desired("b", "2")],
			[observed("a", "1"), observed("b", "1", { federation: "Disabled" })],
		],
	])("nobody has to allow it %s", (_what, want, have) => {
		expect(plan(want, have).steps).toHaveLength(1);
	});
});

describe("every plan", () => {
	const name = fc.constantFrom("a", "b", "c", "d");
	const revision = fc.constantFrom("1", "2", "3");
	const federation = fc.constantFrom("Enabled" as const, "Disabled" as const);
	const byName = { selector: (node: { name: string }) => node.name };
	const wants = fc.uniqueArray(fc.record({ name, revision, federation }), byName);
	const haves = fc.uniqueArray(
		fc.record({ name, revision, federation, ready: fc.boolean(), moving: fc.boolean() }),
		byName,
	);

	test("touches at most one existing node, and none that is at its intent", () => {
		fc.assert(
			fc.property(wants, haves, (want, have) => {
				const disruptive = plan(want, have).steps.filter(({ kind }) => kind !== "Create");
				expect(disruptive.length).toBeLessThanOrEqual(1);
				for (const { node } of disruptive) {
					const revisions = [want, have].map((nodes) => nodes.find((entry) => entry.name === node)?.revision);
					expect(revisions[0]).not.toBe(revisions[1]);
				}
			}),
		);
	});

	test("takes no ready node while another one that may serve is not ready or still moving", () => {
		fc.assert(
			fc.property(wants, haves, (want, have) => {
				for (const { kind, node } of plan(want, have).steps) {
					if (kind === "Create" || !have.find((entry) => entry.name === node)?.ready) continue;
					const others = have.filter((entry) => entry.name !== node && (entry.ready || entry.federation === "Enabled"));
					expect(others.every((entry) => entry.ready && !entry.moving)).toBe(true);
				}
			}),
		);
	});

	test("comes to an end with every node at its intent", () => {
		fc.assert(
			fc.property(wants, haves, (want, have) => {
				let nodes: ObservedNode[] = have;
				for (let round = 0; round < 20; round++) {
					const { steps } = plan(want, nodes, { paused: false, outageAllowed: true });
					if (steps.length === 0 && nodes.every((node) => node.ready && !node.moving)) break;
					nodes = settle(apply(steps, want, nodes), want);
				}
				const view = (list: readonly DesiredNode[]) => list.map((node) => `${node.name}=${node.revision}`).toSorted();
				expect(view(nodes)).toEqual(view(want));
			}),
		);
	});

	function apply(steps: readonly Step[], want: DesiredNode[], nodes: ObservedNode[]): ObservedNode[] {
		let result = nodes;
		for (const { node } of steps) {
			const target = want.find((entry) => entry.name === node);
			result = result.filter((entry) => entry.name !== node);
			if (target) result = [...result, { ...target, ready: false, moving: true }];
		}
		return result;
	}
	/** Pods become ready; a Disabled node's only where an Enabled one is at its intent, if any is Enabled. */
	function settle(nodes: ObservedNode[], want: readonly DesiredNode[]): ObservedNode[] {
		const enabled = nodes.filter(({ federation: state }) => state === "Enabled");
		const isCurrent = (node: ObservedNode) =>
			want.some((target) => target.name === node.name && target.revision === node.revision);
		const isServed = enabled.length === 0 || enabled.some(isCurrent);
		return nodes.map((node) => ({
			...node,
			ready: node.federation === "Enabled" || node.ready || isServed,
			moving: false,
		}));
	}
});
