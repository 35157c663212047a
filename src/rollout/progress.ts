import type { RecordedCause } from "./causes.ts";
import type { ObservedNode, Plan } from "./plan.ts";

/** A roll-out that is under way, as status has it. */
export interface Rollout {
	readonly causes: readonly RecordedCause[];
	readonly startedAt: string;
	/** Nodes that it is about, and those of them that are through. */
	readonly total: number;
	readonly done: number;
	/** Nodes that are through or on their way. */
	readonly taken: readonly string[];
}

export interface FinishedRollout {
	readonly causes: readonly RecordedCause[];
	readonly startedAt: string;
	readonly finishedAt: string;
	readonly total: number;
}

export interface Progress {
	readonly rollout?: Rollout;
	readonly finishedRollouts?: readonly FinishedRollout[];
}

/** How many the API takes (src/api/xmpp-federation-status.ts). */
const limits = { causes: 32, finishedCauses: 8, finished: 5, nodes: 64 } as const;

/**
 * What is told of a roll-out from its beginning to its end: the plan keeps nothing, so what is over stands here only.
 *
 * A cause stays with the nodes that were taken for it. Where the resource changes in between, nodes that were not taken
 * yet go over to the causes that they have now.
 *
 * @param outstanding causes of nodes that are not at their intent yet
 * @param plan whose steps have been taken, or are about to be
 */
export function progress(
	previous: Progress,
	outstanding: readonly RecordedCause[],
	{ steps }: Plan,
	observed: readonly ObservedNode[],
	now: Date,
): Progress {
	const history = previous.finishedRollouts && { finishedRollouts: previous.finishedRollouts };
	if (outstanding.length === 0 && !previous.rollout) return { ...history };

	const open = new Set(outstanding.flatMap(({ nodes }) => nodes));
	const acted = outstanding.length === 0 ? [] : steps.map(({ node }) => node);
	const taken = [...new Set([...(previous.rollout?.taken ?? []), ...acted])].slice(0, limits.nodes);
	// What was applied to a node is over for it, also while the node waits for a restart of another cause.
	const causes = merged(
		previous.rollout?.causes ?? [],
		outstanding,
		(node, { scope }) => taken.includes(node) && (scope === "None" || !open.has(node)),
	);
	const nodes = new Set(causes.flatMap((cause) => cause.nodes));
	const isThrough = (name: string) => {
		const node = observed.find((entry) => entry.name === name);
		return !open.has(name) && (node === undefined || (node.ready && !node.moving));
	};
	const done = taken.filter((name) => nodes.has(name) && isThrough(name)).length;
	const startedAt = previous.rollout?.startedAt ?? time(now);
	const total = Math.min(nodes.size, limits.nodes);
	// Taken back before any node was touched.
	if (nodes.size === 0) return { ...history };
	if (open.size === 0 && done === nodes.size) {
		const finished = { causes: causes.slice(0, limits.finishedCauses), startedAt, finishedAt: time(now), total };
		return { finishedRollouts: [finished, ...(previous.finishedRollouts ?? [])].slice(0, limits.finished) };
	}
	return { rollout: { causes: causes.slice(0, limits.causes), startedAt, total, done, taken }, ...history };
}

/** Earlier causes with the nodes that are over, then those that are open. Causes of all nodes come first. */
function merged(
	earlier: readonly RecordedCause[],
	outstanding: readonly RecordedCause[],
	isOver: (node: string, cause: RecordedCause) => boolean,
): readonly RecordedCause[] {
	const found = new Map<string, { cause: RecordedCause; nodes: Set<string> }>();
	const add = (cause: RecordedCause, nodes: readonly string[]) => {
		if (nodes.length === 0) return;
		const key = JSON.stringify([cause.reason, cause.field, cause.from, cause.to]);
		const known = found.get(key);
		if (known) for (const node of nodes) known.nodes.add(node);
		else found.set(key, { cause, nodes: new Set(nodes) });
	};
	for (const cause of earlier)
		add(
			cause,
			cause.nodes.filter((node) => isOver(node, cause)),
		);
	for (const cause of outstanding) add(cause, cause.nodes);
	return [...found.values()]
		.map(({ cause, nodes }) => ({ ...cause, nodes: [...nodes].toSorted().slice(0, limits.nodes) }))
		.toSorted((a, b) => rank(a) - rank(b));
}

function rank({ scope }: RecordedCause): number {
	return scope === "AllNodes" ? 0 : scope === "Node" ? 1 : 2;
}

function time(date: Date): string {
	return date.toISOString().replace(/\.\d+Z$/, "Z");
}
