import { policyListFile } from "../gateway/policy.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { livePolicyListName, policyListName } from "../model/names.ts";
import { mostPolicyLists } from "../model/policy/lists.ts";
import { objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";

/** Key of the text. */
const key = "list";

/**
 * The lists of exceptions of a federation's policy, which are too long for the nodes' own ConfigMaps. Immutable and named
 * by their content: a node keeps those that it was started with.
 */
export function policyLists(federation: FederationIntent) {
	if (isLive(federation)) return [];
	return federation.policyLists.map(({ digest, text }) => ({
		...list(federation, policyListName(federation.name, digest), text),
		immutable: true,
	}));
}

/**
 * The same with the strategy Live: mutable and named by their place, because a pod keeps the volumes that it was started
 * with. Nodes take them once their live objects name them, by their digests.
 */
export function livePolicyLists(federation: FederationIntent) {
	if (!isLive(federation)) return [];
	return federation.policyLists.map(({ text }, place) =>
		list(federation, livePolicyListName(federation.name, place), text),
	);
}

/** Names of those that a policy of the federation could have with the strategy Live, and that its own one does not. */
export function unusedLivePolicyLists(federation: FederationIntent): readonly string[] {
	const used = federation.nodes[0]?.policy?.lists.length ?? 0;
	return isLive(federation) ? livePolicyListNames(federation.name).slice(used) : [];
}

/** What a node's pod mounts of them beside its settings. */
export function policyListSources(node: NodeIntent) {
	const source = (name: string, place: number) => ({ name, items: [{ key, path: policyListFile(place) }] });
	if (node.strategy !== "Live") {
		const lists = node.policy?.lists ?? [];
		return lists.map((digest, place) => source(policyListName(node.federationName, digest), place));
	}
	return livePolicyListNames(node.federationName).map((name, place) => ({ ...source(name, place), optional: true }));
}

function livePolicyListNames(federation: string): readonly string[] {
	return Array.from({ length: mostPolicyLists }, (_, place) => livePolicyListName(federation, place));
}

/** All nodes have the strategy of their federation. */
function isLive({ nodes: [node] }: FederationIntent): boolean {
	return node?.strategy === "Live";
}

function list(federation: FederationIntent, name: string, text: string) {
	return {
		apiVersion: "v1" as const,
		kind: "ConfigMap" as const,
		metadata: metadata(federation, name, objectLabels(federation.name, "gateway")),
		data: { [key]: text },
	};
}
