import { nodeRevision } from "../model/revision.ts";
import type { FederationObservation, NodeObservation } from "./federation-observation.ts";

export interface NodeState {
	readonly name: string;
	readonly federation: "Enabled" | "Disabled";
	/** A pod of the node's newest revision is Ready. */
	readonly ready: boolean;
	/**
	 * Current: runs its intent, or is starting it for the first time. Pending: waits for its turn. Restarting: on its way.
	 * Blocked: cannot go on by itself.
	 */
	readonly state: "Current" | "Pending" | "Restarting" | "Blocked";
	readonly reason: string;
	/** Absent where there is nothing to say. */
	readonly message?: string;
	/** Revision that the node's pod runs or is being given. */
	readonly revision: string;
}

/** Longest message of a node that the API takes (src/api/xmpp-federation-status.ts). */
const messageLimit = 32_768;

const waitingMessages = {
	PreviousNodeNotReady: (node: string) => `waits until node ${node} is ready`,
	OldPodDraining: (node: string) => `waits until the old pod of node ${node} is gone`,
	AnotherNodeNext: (node: string) => `node ${node} is next`,
} as const;

/** One entry for each node that there is or should be, in the order of `spec.nodes`, removed ones last. */
export function nodeStates(observation: FederationObservation): readonly NodeState[] {
	const { intent, nodes } = observation;
	const observed = new Map(nodes.map((node) => [node.name, node]));
	const desired = intent?.nodes ?? [];
	const known = desired.map((node) => {
		const live = observed.get(node.name);
		return live
			? existing(observation, live, node.federation, nodeRevision(node))
			: { name: node.name, federation: node.federation, ready: false, revision: "", ...beingCreated(observation) };
	});
	// Without an intent nothing is known to be unwanted: what runs is shown as it runs.
	const wanted = new Set(desired.map(({ name }) => name));
	const others = nodes
		.filter(({ name }) => !wanted.has(name))
		.map((live) => existing(observation, live, live.federation, intent ? undefined : live.revision));
	return [...known, ...others];
}

function beingCreated({ obstacles }: FederationObservation) {
	return obstacles.length > 0
		? ({ state: "Blocked", reason: "NotCreated", message: "could not be created; see the condition Degraded" } as const)
		: ({ state: "Pending", reason: "Creating", message: "is being created" } as const);
}

function existing(
	{ plan }: FederationObservation,
	live: NodeObservation,
	federation: NodeState["federation"],
	target: string | undefined,
): NodeState {
	const common = { name: live.name, federation, ready: live.ready, revision: live.revision };
	const waiting = plan.waiting.find(({ node }) => node === live.name);
	if (waiting) {
		return {
			...common,
			state: "Pending",
			reason: waiting.reason,
			message: waitingMessages[waiting.reason](waiting.behind),
		};
	}
	if (live.revision === target && live.drifted) {
		return {
			...common,
			state: "Restarting",
			reason: "Drifted",
			message: "somebody changed its Deployment; it is put back",
		};
	}
	if (live.revision !== target) {
		const removed = target === undefined;
		const [reason, message] = removed ? ["NodeRemoved", "is being removed"] : ["IntentChanged", "its settings changed"];
		return { ...common, state: "Restarting", reason, message };
	}
	if (!live.ready && live.trouble)
		return { ...common, state: "Blocked", reason: "PodFailing", message: live.trouble.slice(0, messageLimit) };
	if (!live.ready) return { ...common, state: "Restarting", reason: "PodStarting", message: "its pod is starting" };
	if (live.moving)
		return { ...common, state: "Restarting", reason: "OldPodDraining", message: "its old pod is draining" };
	return { ...common, state: "Current", reason: "AsIntended" };
}
