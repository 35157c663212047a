import type { NodeIntent } from "../model/intent.ts";
import { nodeRevision } from "../model/revision.ts";
import { liveLimit } from "../rollout/live.ts";
import type { FederationObservation, NodeObservation } from "./federation-observation.ts";

/** How far a node is with the mapping of email addresses. Unknown: its router did not say. */
export interface EmailAddressNode {
	readonly name: string;
	readonly state: "InForce" | "Pending" | "Unknown";
	/** Why its router does not use the mapping that it was given. */
	readonly failure?: string;
}

/** By what the routers say; undefined where there are no email addresses, or no mapping was given yet. */
export function emailAddressNodes({
	intent,
	nodes,
	emailAddresses,
}: Pick<FederationObservation, "intent" | "nodes" | "emailAddresses">): readonly EmailAddressNode[] | undefined {
	const given = emailAddresses?.given;
	if (!intent || !given) return undefined;
	const found = new Map(nodes.map((node) => [node.name, node]));
	return intent.nodes.map((node) => ({ name: node.name, ...standing(node, found.get(node.name), given.digest) }));
}

function standing(
	node: NodeIntent,
	found: NodeObservation | undefined,
	digest: string,
): Omit<EmailAddressNode, "name"> {
	// While an old pod drains, it still writes addresses as it was told.
	if (!found?.ready || found.moving || found.revision !== nodeRevision(node)) return { state: "Pending" };
	if (!found.mapping) return { state: "Unknown" };
	const { digest: used, failure } = found.mapping;
	if (failure !== undefined) return { state: "Pending", failure };
	return { state: used === digest ? "InForce" : "Pending" };
}

/** Names of the nodes whose pods should look for the files of a mapping that was written just now. */
export function lateForEmailAddresses(observation: FederationObservation, now: Date): readonly string[] {
	const writtenAt = Date.parse(observation.emailAddresses?.given?.writtenAt ?? "");
	// Who has not taken it by then has found the files, or finds them by itself.
	if (Number.isNaN(writtenAt) || now.getTime() - writtenAt > liveLimit) return [];
	return (emailAddressNodes(observation) ?? []).flatMap(({ name, state }) => (state === "Pending" ? [name] : []));
}
