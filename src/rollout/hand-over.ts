import { z } from "zod";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { nodeRevision } from "../model/revision.ts";
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

/** What is known of a node that runs, to tell which aliases it serves. */
export interface ServingNode extends Pick<AppliedNode, "name" | "revision" | "appliedLive"> {
	readonly ready: boolean;
	/** Every process of it uses the aliases that it was given last, and its router has its links. */
	readonly servesGivenAliases: boolean;
}

/**
 * The intent for now: where an alias moves while nodes run (strategy Live), the node that it leaves keeps it until the one
 * that it comes to serves it (R10). Meanwhile both take what peers send to it, or the former alone, and nothing is lost
 * however long the other one takes. Nothing else that changes waits for that.
 */
export function handingOverLive(intent: FederationIntent, running: readonly ServingNode[]): FederationIntent {
	const given = new Map(running.map((node) => [node.name, aliasesAt(node.appliedLive)]));
	const homes = new Map(
		intent.nodes.flatMap((node) =>
			Object.entries(node.aliases ?? {}).flatMap(([alias, { here }]) => (here ? [[alias, node] as const] : [])),
		),
	);
	const isServed = (alias: string, home: NodeIntent) => {
		const found = running.find(({ name }) => name === home.name);
		if (!found?.ready) return false;
		// One that an earlier operator started has its aliases by its revision.
		if (!home.liveAliases) return found.revision === nodeRevision(home);
		return found.servesGivenAliases && given.get(home.name)?.has(alias) === true;
	};
	const keeps = (node: NodeIntent, alias: string) => {
		const home = homes.get(alias);
		return home !== undefined && home !== node && given.get(node.name)?.has(alias) === true && !isServed(alias, home);
	};
	const nodes = intent.nodes.map((node): NodeIntent => {
		const kept = Object.entries(node.aliases ?? {}).filter(([alias]) => node.liveAliases && keeps(node, alias));
		if (kept.length === 0) return node;
		const aliases = Object.fromEntries(kept.map(([alias, settings]) => [alias, { ...settings, here: true }]));
		return { ...node, aliases: { ...node.aliases, ...aliases } };
	});
	return { ...intent, nodes };
}
