import { hash } from "node:crypto";
import { canonicalJson } from "./canonical-json.ts";
import type { NodeIntent } from "./intent.ts";
import { liveOf, withoutLive } from "./live.ts";

/** What a node restarts for: its intent, without what it takes over while it runs. */
export function revisionedIntent(node: NodeIntent): object {
	return node.strategy === "Live" ? withoutLive(node) : node;
}

/**
 * Name of what a node restarts for: the first 10 hexadecimal digits of the SHA-256 of its canonical JSON. It names the node's
 * immutable objects, so what runs can be told from what should run by one annotation, whatever else the API server, a
 * webhook or a newer operator adds to the Deployment.
 */
export function nodeRevision(node: NodeIntent): string {
	const known = revisions.get(node);
	if (known !== undefined) return known;
	const revision = shortHash(canonicalJson(revisionedIntent(node)));
	revisions.set(node, revision);
	return revision;
}

/** Name of what a node takes over while it runs; undefined where that is nothing (strategy Documented). */
export function liveRevision(node: NodeIntent): string | undefined {
	return node.strategy === "Live" ? shortHash(canonicalJson(liveOf(node))) : undefined;
}

/** One reconcile asks for that of each node a dozen times, and intents do not change. */
const revisions = new WeakMap<NodeIntent, string>();

/** @returns 10 hexadecimal digits (40 bits) */
export function shortHash(text: string): string {
	return hash("sha256", text).slice(0, 10);
}
