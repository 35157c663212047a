import type { FederationSwitch } from "../model/intent.ts";

/**
 * The planner: what to do next so that every node comes to its intent. Pure; called at every reconcile, it keeps
 * nothing, so that a change during a roll-out replaces the plan.
 *
 * Invariants:
 * - A node whose revision is its intent's is never restarted.
 * - At most one node that runs is restarted or removed at a time: while one is on its way, no other starts.
 * - Only what is broken may go while another is on its way to health: a node that is not ready is repaired at once, so
 *   that a broken node never blocks its own repair, and two broken ones can be repaired.
 */
export interface DesiredNode {
	readonly name: string;
	readonly federation: FederationSwitch;
	/** Revision of the intent (`nodeRevision`). */
	readonly revision: string;
}

export interface ObservedNode {
	readonly name: string;
	readonly federation: FederationSwitch;
	/** Revision that the node's Deployment asks for. */
	readonly revision: string;
	/** A pod of that revision is Ready. */
	readonly ready: boolean;
	/** Pods of an earlier revision still run or drain, or the Deployment controller has not yet acted. */
	readonly moving: boolean;
}

export type Step =
	| { readonly kind: "Create"; readonly node: string }
	| { readonly kind: "Restart"; readonly node: string }
	| { readonly kind: "Remove"; readonly node: string };

export interface Plan {
	/** Steps to take now. Creations restart nothing and come together; of the others there is one at most. */
	readonly steps: readonly Step[];
	/** Nodes that wait for their turn, in order, and what they wait for. */
	readonly waiting: readonly { readonly node: string; readonly behind: string; readonly reason: BlockReason }[];
}

export type BlockReason = "PreviousNodeNotReady" | "OldPodDraining" | "AnotherNodeNext";

export function plan(desired: readonly DesiredNode[], observed: readonly ObservedNode[]): Plan {
	const wanted = new Map(desired.map((node) => [node.name, node]));
	const existing = new Map(observed.map((node) => [node.name, node]));
	const creations = desired
		.filter(({ name }) => !existing.has(name))
		.map(({ name }): Step => ({ kind: "Create", node: name }));

	const restarts = observed
		.filter((node) => wanted.has(node.name) && wanted.get(node.name)?.revision !== node.revision)
		.toSorted((a, b) => rank(a, wanted) - rank(b, wanted) || compare(a.name, b.name));
	const removals = observed.filter(({ name }) => !wanted.has(name)).toSorted((a, b) => compare(a.name, b.name));
	const queue: Step[] = [
		...restarts.map(({ name }): Step => ({ kind: "Restart", node: name })),
		...removals.map(({ name }): Step => ({ kind: "Remove", node: name })),
	];

	const [next, ...rest] = queue;
	if (!next) return { steps: creations, waiting: [] };
	const blocker = blockedBy(next, observed, creations);
	if (blocker) {
		return { steps: creations, waiting: queue.map(({ node }) => ({ node, ...blocker })) };
	}
	return {
		steps: [...creations, next],
		waiting: rest.map(({ node }) => ({ node, behind: next.node, reason: "AnotherNodeNext" })),
	};
}

/** Not ready first, for it has nothing to lose; then enabling, so that traffic has where to go; disabling last. */
function rank(node: ObservedNode, wanted: ReadonlyMap<string, DesiredNode>): number {
	if (!node.ready) return 0;
	const target = wanted.get(node.name)?.federation;
	if (target === "Enabled" && node.federation === "Disabled") return 1;
	if (target === "Disabled" && node.federation === "Enabled") return 3;
	return 2;
}

function blockedBy(
	next: Step,
	observed: readonly ObservedNode[],
	creations: readonly Step[],
): { behind: string; reason: BlockReason } | undefined {
	const own = observed.find(({ name }) => name === next.node);
	// A node that is not ready serves nobody: changing it takes nothing from anyone.
	if (own && !own.ready) return undefined;
	const created = creations[0];
	if (created) return { behind: created.node, reason: "PreviousNodeNotReady" };
	for (const node of observed) {
		if (!node.ready) return { behind: node.name, reason: "PreviousNodeNotReady" };
		if (node.moving) return { behind: node.name, reason: "OldPodDraining" };
	}
	return undefined;
}

function compare(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
