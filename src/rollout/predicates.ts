import type { DesiredNode, ObservedNode, Orders } from "./plan.ts";

/** Why a node may not restart or go yet: a closed list. What each means for a reader is in `blockMeanings`. */
export const blockMeanings = {
	Paused: "Roll-outs are paused by the annotation xmppfed.dev/paused.",
	WouldLeaveNoEnabledNode:
		"The change leaves no Enabled node: nothing would go to peers or come from them. The annotation " +
		"xmppfed.dev/allow-outage with the metadata.generation of the change allows it.",
	PreviousNodeNotReady: "The node that was restarted or made before is not ready yet.",
	NodeNotReady: "Another node, which runs what it should, is not ready.",
	OldPodDraining: "The old pod of another node is not gone yet.",
	LinksDown: "The router of a node that is ready has no link to an Enabled node that is ready.",
	UpstreamUnreachable:
		"The router of a node that runs what it should does not reach its internal server, and that of the next node does. " +
		"The annotation xmppfed.dev/allow-outage with the metadata.generation of the change lets it go on.",
	AnotherNodeNext: "Another node goes first.",
} as const;

export type BlockReason = keyof typeof blockMeanings;

export interface Blocker {
	readonly reason: BlockReason;
	/** The node that is waited for, if it is one. */
	readonly behind?: string;
	/** LinksDown: the node that it has no link to. */
	readonly unlinked?: string;
}

export interface Situation {
	readonly wanted: ReadonlyMap<string, DesiredNode>;
	readonly observed: readonly ObservedNode[];
	/** Names of nodes that are only now made. */
	readonly created: readonly string[];
	readonly orders: Orders;
}

type Predicate = (situation: Situation, next: ObservedNode | undefined) => Blocker | undefined;

/** Holds for every step: people decide. */
const always: readonly Predicate[] = [paused, wouldLeaveNoEnabledNode];
/** Holds for a node that is ready: it waits until all others can do without it. */
const whileReady: readonly Predicate[] = [newNodeNotReady, previousNodeNotReady, linksDown, upstreamUnreachable];

/** What the next node of the plan has to wait for. The first predicate that blocks speaks. */
export function blockerOf(next: ObservedNode | undefined, situation: Situation): Blocker | undefined {
	// A node that is not ready serves nobody: changing it takes nothing from anyone.
	const predicates = next && !next.ready ? always : [...always, ...whileReady];
	for (const predicate of predicates) {
		const blocker = predicate(situation, next);
		if (blocker) return blocker;
	}
	return undefined;
}

export function isAtIntent(node: ObservedNode, target: DesiredNode | undefined): boolean {
	return target?.revision === node.revision && !node.drifted;
}

function paused({ orders }: Situation): Blocker | undefined {
	return orders.paused ? { reason: "Paused" } : undefined;
}

/** Where there is no Enabled node anyway, nothing is lost. */
function wouldLeaveNoEnabledNode({ orders, wanted, observed }: Situation): Blocker | undefined {
	if (orders.outageAllowed || [...wanted.values()].some(isEnabled) || !observed.some(isEnabled)) return undefined;
	return { reason: "WouldLeaveNoEnabledNode" };
}

function newNodeNotReady({ created: [first] }: Situation): Blocker | undefined {
	return first === undefined ? undefined : { reason: "PreviousNodeNotReady", behind: first };
}

function previousNodeNotReady(situation: Situation, next: ObservedNode | undefined): Blocker | undefined {
	const { observed } = situation;
	const served = observed.some((node) => isEnabled(node) && isDone(node, situation));
	for (const node of observed) {
		if (node.leaving) return { reason: "OldPodDraining", behind: node.name };
		// Its router waits for an Enabled node at the intent: to wait for it would be to wait for ever.
		const waitsForEnabled = node.federation === "Disabled" && isCurrent(node, situation) && !served;
		if (!node.ready && !waitsForEnabled) {
			return { reason: node.moving ? "PreviousNodeNotReady" : "NodeNotReady", behind: node.name };
		}
		// What a change by hand does to a node (a pod that never starts, more pods than one) may last until it is put back,
		// or until it restarts for what it should run now: it waits for the plan then.
		const byHand = node.drifted || node === next || (node.crowded && !isCurrent(node, situation));
		if (node.ready && node.moving && !byHand) return { reason: "OldPodDraining", behind: node.name };
	}
	return undefined;
}

/**
 * A link counts only between two nodes that are ready and at their intent: a change may well keep others apart (another
 * link secret, say), and a node that waits for the plan must not be waited for. What a router did not say blocks nothing.
 */
function linksDown(situation: Situation): Blocker | undefined {
	const done = situation.observed.filter((node) => isDone(node, situation));
	for (const { name, linkedTo } of done) {
		const unlinked = linkedTo && done.find((other) => isEnabled(other) && !linkedTo.includes(other.name))?.name;
		if (unlinked !== undefined) return { reason: "LinksDown", behind: name, unlinked };
	}
	return undefined;
}

/**
 * A change that cuts nodes off from the internal server must not go through all of them. Where the next node does not reach
 * it either, a restart takes nothing away, and may be the repair.
 */
function upstreamUnreachable(situation: Situation, next: ObservedNode | undefined): Blocker | undefined {
	if (situation.orders.outageAllowed || !next?.upstream?.reachable) return undefined;
	const cutOff = situation.observed.find((node) => isDone(node, situation) && node.upstream?.reachable === false);
	return cutOff && { reason: "UpstreamUnreachable", behind: cutOff.name };
}

function isDone(node: ObservedNode, situation: Situation): boolean {
	return node.ready && isCurrent(node, situation);
}

function isCurrent(node: ObservedNode, { wanted }: Situation): boolean {
	return isAtIntent(node, wanted.get(node.name));
}

function isEnabled({ federation }: { readonly federation: "Enabled" | "Disabled" }): boolean {
	return federation === "Enabled";
}
