import { liveAliasesDigest } from "../gateway/settings.ts";
import type { NodeIntent } from "../model/intent.ts";
import { nodeRevision } from "../model/revision.ts";
import type { FederationObservation, NodeObservation } from "./federation-observation.ts";

/** How far a node is with the aliases of its federation. */
export interface AliasNode {
	readonly name: string;
	readonly state: "Serving" | "Pending" | "Paused";
}

/**
 * How far each node is, by what its processes say where they take aliases over while they run (R10); none while it is not
 * known what the federation should be. What else a node takes over does not matter here.
 */
export function aliasNodes({ intent, nodes, plan }: FederationObservation): readonly AliasNode[] {
	const found = new Map(nodes.map((node) => [node.name, node]));
	const homes = new Map(intent?.aliases?.map(({ domain, node }) => [domain, node]));
	const keeps = ({ name, aliases = {} }: NodeIntent) =>
		Object.entries(aliases).some(([alias, { here }]) => here && homes.get(alias) !== name);
	const paused = new Set(plan.waiting.flatMap(({ node, reason }) => (reason === "Paused" ? [node] : [])));
	return (intent?.nodes ?? []).map((node) => {
		const { name } = node;
		// One that keeps an alias until another node serves it has still to let it go.
		if (isServing(node, found.get(name)) && !keeps(node)) return { name, state: "Serving" };
		return { name, state: paused.has(name) ? "Paused" : "Pending" };
	});
}

function isServing(node: NodeIntent, found: NodeObservation | undefined): boolean {
	// While an old pod drains, it still serves the aliases that it knows.
	if (!found?.ready || found.moving || found.leaving || found.drifted) return false;
	if (found.revision !== nodeRevision(node)) return false;
	// Others are of its revision.
	if (!node.liveAliases) return true;
	return found.aliasesInForce !== undefined && found.aliasesInForce.digest === liveAliasesDigest(node);
}

/**
 * Nodes that do what they should and whose federation connection manager the router of an alias's node has no link to: what
 * peers send to the alias by them is answered with an error. Links come shortly after the alias. What a router did not say
 * is not so.
 *
 * @param home the alias's node
 */
export function unlinkedNodes(
	{ intent, nodes }: Pick<FederationObservation, "intent" | "nodes">,
	home: string,
): readonly string[] {
	const linkedTo = nodes.find(({ name }) => name === home)?.linkedTo;
	if (!intent || !linkedTo) return [];
	const wanted = new Map(intent.nodes.map((node) => [node.name, nodeRevision(node)]));
	return nodes
		.filter(({ name, federation, ready, moving, revision }) => {
			return federation === "Enabled" && ready && !moving && revision === wanted.get(name) && !linkedTo.includes(name);
		})
		.map(({ name }) => name);
}
