import type { NodeIntent } from "../model/intent.ts";
import { policyDigest } from "../model/policy/compile.ts";
import { nodeRevision } from "../model/revision.ts";
import type { FederationObservation, NodeObservation } from "./federation-observation.ts";
import type { PolicyNode } from "./policy-observation.ts";

/**
 * How far each node of a federation is with its policy, by what its federation connection manager says; undefined while it
 * is not known what the federation should be.
 */
export function policyNodes({ intent, nodes, plan }: FederationObservation): readonly PolicyNode[] | undefined {
	if (!intent) return undefined;
	const wanted = new Set(intent.nodes.map(({ name }) => name));
	const found = new Map(nodes.map((node) => [node.name, node]));
	// What is removed lets through what it was told to until it is gone.
	const leaving = nodes.filter(({ name, federation }) => federation === "Enabled" && !wanted.has(name));
	const paused = new Set(plan.waiting.flatMap(({ node, reason }) => (reason === "Paused" ? [node] : [])));
	const all: readonly PolicyNode[] = [
		...intent.nodes.map((node) => ({ name: node.name, ...standing(node, found.get(node.name)) })),
		...leaving.map(({ name }) => ({ name, state: "Pending" as const })),
	];
	return all.map((node) => (node.state === "Pending" && paused.has(node.name) ? { ...node, state: "Paused" } : node));
}

function standing(node: NodeIntent, found: NodeObservation | undefined): Omit<PolicyNode, "name"> {
	// While an old pod drains, it still does what it was told.
	if (!found?.ready || found.moving || found.revision !== nodeRevision(node)) return { state: "Pending" };
	// A router alone lets nothing in or out.
	if (node.federation === "Disabled") return { state: "Enforcing" };
	if (!found.policy) return { state: "Unknown" };
	const { digest, failure } = found.policy;
	if (failure !== undefined) return { state: "Pending", failure };
	return { state: digest === (node.policy && policyDigest(node.policy)) ? "Enforcing" : "Pending" };
}
