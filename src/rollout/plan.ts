import type { FederationSwitch } from "../model/intent.ts";
import type { RolloutOrders } from "../model/rollout-orders.ts";
import { type Blocker, type BlockReason, blockerOf, isAtIntent } from "./predicates.ts";

/**
 * The planner: what to do next so that every node comes to its intent. Pure; called at every reconcile, it keeps
 * nothing, so that a change during a roll-out replaces the plan, and a new process goes on where another one was.
 *
 * Invariants:
 * - A node whose revision is its intent's is never restarted. What it takes over while it runs it gets at once, and
 *   nobody waits for that.
 * - At most one node that runs is restarted or removed at a time: while one is on its way, no other starts.
 * - Only what is broken may go while another is on its way to health: a node that is not ready is repaired or removed at
 *   once, so that a broken node never blocks its own repair, and two broken ones can be repaired.
 * - The plan never waits for what waits for the plan, nor for ever for what is not known (`predicates.ts`).
 */
export interface DesiredNode {
	readonly name: string;
	readonly federation: FederationSwitch;
	/** Revision of the intent (`nodeRevision`). */
	readonly revision: string;
	/** Revision of what the node takes over while it runs (`liveRevision`); undefined where that is nothing. */
	readonly live?: string | undefined;
}

export interface ObservedNode {
	readonly name: string;
	readonly federation: FederationSwitch;
	/** Revision that the node's Deployment asks for. */
	readonly revision: string;
	/** Revision that its live objects have; undefined where it has none. */
	readonly live?: string | undefined;
	/** A pod of that revision is Ready. */
	readonly ready: boolean;
	/** Pods of an earlier revision still run or drain, or the Deployment controller has not yet acted. */
	readonly moving: boolean;
	/** An alias leaves it for another node (`hand-over.ts`). */
	readonly handsOver?: boolean;
	/** Its Deployment is being deleted: nothing can be done with it until it is gone. */
	readonly leaving?: boolean;
	/** Somebody else changed what its Deployment asks for: it has to be brought back. */
	readonly drifted?: boolean;
	/**
	 * It moves, although all its pods are of that revision. A restart of ours changes the revision, so this is what a
	 * change by hand does (a pod that never starts, more pods than one), and it may last until the node restarts.
	 */
	readonly crowded?: boolean;
	/**
	 * Nodes to whose newest pod the router of this one has its links up, for every domain that it serves. Undefined where
	 * the router did not say, and is not expected to any more.
	 */
	readonly linkedTo?: readonly string[] | undefined;
	/** Whether its router reaches the internal server; undefined where it did not say. */
	readonly upstream?: { readonly reachable: boolean } | undefined;
}

export type Step =
	| { readonly kind: "Create"; readonly node: string }
	/** The node takes something over while it runs. */
	| { readonly kind: "Apply"; readonly node: string }
	| { readonly kind: "Restart"; readonly node: string }
	| { readonly kind: "Remove"; readonly node: string };

export interface WaitingNode extends Blocker {
	readonly node: string;
}

export interface Plan {
	/** Steps to take now. Create and Apply restart nothing and come together; of the others there is one at most. */
	readonly steps: readonly Step[];
	/** Nodes that wait for their turn, in order, and what they wait for. */
	readonly waiting: readonly WaitingNode[];
}

export type Orders = Pick<RolloutOrders, "paused" | "outageAllowed">;
export type { BlockReason };

const noOrders: Orders = { paused: false, outageAllowed: false };

export function plan(desired: readonly DesiredNode[], nodes: readonly ObservedNode[], orders: Orders = noOrders): Plan {
	// In one order, whatever was seen first: the same situation gives the same plan.
	const observed = nodes.toSorted((a, b) => compare(a.name, b.name));
	const wanted = new Map(desired.map((node) => [node.name, node]));
	const existing = new Map(observed.map((node) => [node.name, node]));
	const created = desired.filter(({ name }) => !existing.has(name)).map(({ name }) => name);
	const atOnce = [
		...created.map((node): Step => ({ kind: "Create", node })),
		...observed
			.filter((node) => takesOver(node, wanted.get(node.name)))
			.map(({ name }): Step => ({ kind: "Apply", node: name })),
	];

	const queue = observed
		.flatMap((node) => stepFor(node, wanted.get(node.name)))
		.toSorted((a, b) => a.rank - b.rank || compare(a.node, b.node))
		.map(({ kind, node }): Step => ({ kind, node }));

	const [next, ...rest] = queue;
	if (!next) return { steps: atOnce, waiting: [] };
	const blocker = blockerOf(existing.get(next.node), { wanted, observed, created, orders });
	if (blocker) {
		return { steps: atOnce, waiting: queue.map(({ node }) => ({ node, ...blocker })) };
	}
	return {
		steps: [...atOnce, next],
		waiting: rest.map(({ node }) => ({ node, behind: next.node, reason: "AnotherNodeNext" })),
	};
}

/**
 * What has to be done with a node that exists, and when. Not ready first, for it has nothing to lose. Then enabling, so
 * that traffic has where to go. Nodes that stay Enabled come before those that stay Disabled: the router of a Disabled
 * node is ready only when an Enabled one serves the same domains. Then those that hand an alias over, for somebody has to
 * serve it. Disabling and removing come last.
 */
function stepFor(
	node: ObservedNode,
	target: DesiredNode | undefined,
): { kind: "Restart" | "Remove"; node: string; rank: number }[] {
	if (node.leaving) return [];
	if (!target) return [{ kind: "Remove", node: node.name, rank: node.ready ? 6 : 0 }];
	if (isAtIntent(node, target)) return [];
	const rank = () => {
		if (!node.ready) return 0;
		if (target.federation !== node.federation) return target.federation === "Enabled" ? 1 : 5;
		if (node.handsOver) return 4;
		return target.federation === "Enabled" ? 2 : 3;
	};
	return [{ kind: "Restart", node: node.name, rank: rank() }];
}

function takesOver({ live, leaving }: ObservedNode, target: DesiredNode | undefined): boolean {
	return !leaving && live !== undefined && target?.live !== undefined && live !== target.live;
}

function compare(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
