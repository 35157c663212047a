import type { FederationSwitch } from "../model/intent.ts";

/**
 * The planner: what to do next so that every node comes to its intent. Pure; called at every reconcile, it keeps
 * nothing, so that a change during a roll-out replaces the plan.
 *
 * Invariants:
 * - A node whose revision is its intent's is never restarted.
 * - At most one node that runs is restarted or removed at a time: while one is on its way, no other starts.
 * - Only what is broken may go while another is on its way to health: a node that is not ready is repaired or removed at
 *   once, so that a broken node never blocks its own repair, and two broken ones can be repaired.
 * - The plan never waits for what waits for the plan (see `blockedBy`).
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
	/** Somebody else changed what its Deployment asks for: it has to be brought back. */
	readonly drifted?: boolean;
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

	const queue = observed
		.flatMap((node) => stepFor(node, wanted.get(node.name)))
		.toSorted((a, b) => a.rank - b.rank || compare(a.node, b.node))
		.map(({ kind, node }): Step => ({ kind, node }));

	const [next, ...rest] = queue;
	if (!next) return { steps: creations, waiting: [] };
	const blocker = blockedBy(next, wanted, observed, creations);
	if (blocker) {
		return { steps: creations, waiting: queue.map(({ node }) => ({ node, ...blocker })) };
	}
	return {
		steps: [...creations, next],
		waiting: rest.map(({ node }) => ({ node, behind: next.node, reason: "AnotherNodeNext" })),
	};
}

/**
 * What has to be done with a node that exists, and when. Not ready first, for it has nothing to lose. Then enabling, so
 * that traffic has where to go. Nodes that stay Enabled come before those that stay Disabled: the router of a Disabled
 * node is ready only when an Enabled one serves the same domains. Disabling and removing come last.
 */
function stepFor(
	node: ObservedNode,
	target: DesiredNode | undefined,
): { kind: "Restart" | "Remove"; node: string; rank: number }[] {
	if (!target) return [{ kind: "Remove", node: node.name, rank: node.ready ? 5 : 0 }];
	if (isAtIntent(node, target)) return [];
	const rank = () => {
		if (!node.ready) return 0;
		if (target.federation === "Enabled") return node.federation === "Disabled" ? 1 : 2;
		return node.federation === "Disabled" ? 3 : 4;
	};
	return [{ kind: "Restart", node: node.name, rank: rank() }];
}

function isAtIntent(node: ObservedNode, target: DesiredNode | undefined): boolean {
	return target?.revision === node.revision && !node.drifted;
}

function blockedBy(
	next: Step,
	wanted: ReadonlyMap<string, DesiredNode>,
	observed: readonly ObservedNode[],
	creations: readonly Step[],
): { behind: string; reason: BlockReason } | undefined {
	const own = observed.find(({ name }) => name === next.node);
	// A node that is not ready serves nobody: changing it takes nothing from anyone.
	if (own && !own.ready) return undefined;
	const created = creations[0];
	if (created) return { behind: created.node, reason: "PreviousNodeNotReady" };
	const isCurrent = (node: ObservedNode) => isAtIntent(node, wanted.get(node.name));
	const served = observed.some((node) => node.federation === "Enabled" && node.ready && isCurrent(node));
	for (const node of observed) {
		// Its router waits for an Enabled node at the intent: to wait for it would be to wait for ever.
		const waitsForEnabled = node.federation === "Disabled" && isCurrent(node) && !served;
		if (!node.ready && !waitsForEnabled) return { behind: node.name, reason: "PreviousNodeNotReady" };
		if (node.ready && node.moving) return { behind: node.name, reason: "OldPodDraining" };
	}
	return undefined;
}

function compare(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
