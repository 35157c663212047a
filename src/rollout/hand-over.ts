import { z } from "zod";
import type { FederationIntent } from "../model/intent.ts";
import type { AppliedNode } from "./causes.ts";

const recorded = z.looseObject({ aliases: z.record(z.string(), z.looseObject({ here: z.boolean() })).optional() });

/** Aliases whose rooms are at the node that runs what is recorded. */
export function aliasesAt(record: unknown): ReadonlySet<string> {
	const aliases = recorded.safeParse(record).data?.aliases ?? {};
	return new Set(Object.keys(aliases).filter((alias) => aliases[alias]?.here));
}

/**
 * Nodes that an alias leaves for another one (R10). They restart after those that it comes to: then one of both takes what
 * peers send to it, at any time.
 */
export function handingOver(intent: FederationIntent, running: readonly AppliedNode[]): ReadonlySet<string> {
	const wanted = new Map(intent.nodes.map((node) => [node.name, node.aliases ?? {}]));
	const hands = ({ name, applied }: AppliedNode) => {
		const before = aliasesAt(applied);
		return Object.entries(wanted.get(name) ?? {}).some(([alias, { here }]) => !here && before.has(alias));
	};
	return new Set(running.filter(hands).map(({ name }) => name));
}
