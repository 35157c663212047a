import { nodeRevision } from "../model/revision.ts";
import { describeCause } from "../rollout/causes.ts";
import type { BlockReason, WaitingNode } from "../rollout/plan.ts";
import type { FederationObservation, NodeObservation } from "./federation-observation.ts";

export interface NodeState {
	readonly name: string;
	readonly federation: "Enabled" | "Disabled";
	/** A pod of the node's newest revision is Ready. */
	readonly ready: boolean;
	/**
	 * Current: runs its intent, or is starting it for the first time. Pending: waits for its turn. Restarting: on its way.
	 * Applying: takes over a change while it runs. Blocked: cannot go on by itself, or waits for somebody to allow it.
	 */
	readonly state: "Current" | "Pending" | "Restarting" | "Applying" | "Blocked";
	readonly reason: string;
	/** Absent where there is nothing to say. */
	readonly message?: string;
	/** Revision that the node's pod runs or is being given. */
	readonly revision: string;
	/** Revision of what it takes over while it runs, as soon as every process of it says that this is in force. */
	readonly liveRevision?: string;
}

/**
 * Reasons of a node that are its own, each with the state that goes with it. Besides, one that waits has a reason of
 * `blockMeanings`, one that restarts of `restartReasons`.
 */
export const nodeReasons = {
	AsIntended: "Current",
	Creating: "Pending",
	NotCreated: "Blocked",
	PodStarting: "Restarting",
	PodFailing: "Blocked",
	OldPodDraining: "Restarting",
	NodeRemoved: "Restarting",
	TakingOver: "Applying",
	SettingsRefused: "Blocked",
	SettingsNotTaken: "Blocked",
} as const satisfies Readonly<Record<string, NodeState["state"]>>;

function told(reason: keyof typeof nodeReasons, message: string) {
	return { state: nodeReasons[reason], reason, message: message.slice(0, messageLimit) };
}

/** Longest message of a node that the API takes (src/api/xmpp-federation-status.ts). */
const messageLimit = 32_768;

const waitingMessages: Readonly<Record<BlockReason, (waiting: WaitingNode, generation: number) => string>> = {
	Paused: () => "waits because the annotation xmppfed.dev/paused is set",
	WouldLeaveNoEnabledNode: (_waiting, generation) =>
		"waits because no Enabled node would be left, so nothing would go to peers or come from them; if that is meant, " +
		`set the annotation xmppfed.dev/allow-outage: "${generation}"`,
	PreviousNodeNotReady: ({ behind }) => `waits until node ${behind} is ready`,
	NodeNotReady: ({ behind }) => `waits until node ${behind} is ready`,
	OldPodDraining: ({ behind }) => `waits until the old pod of node ${behind} is gone`,
	LinksDown: ({ behind, unlinked }) => `waits until the router of node ${behind} has its links to node ${unlinked}`,
	UpstreamUnreachable: ({ behind }, generation) =>
		`waits until the router of node ${behind} reaches its internal server, which the router of this node does; if it has to ` +
		`go on without that, set the annotation xmppfed.dev/allow-outage: "${generation}"`,
	AnotherNodeNext: ({ behind }) => `node ${behind} is next`,
};

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
		? told("NotCreated", "could not be created; see the condition Degraded")
		: told("Creating", "is being created");
}

function existing(
	{ plan, causes, generation }: FederationObservation,
	live: NodeObservation,
	federation: NodeState["federation"],
	target: string | undefined,
): NodeState {
	const common = { name: live.name, federation, ready: live.ready, revision: live.revision };
	const waiting = plan.waiting.find(({ node }) => node === live.name);
	if (waiting) {
		return {
			...common,
			state: waiting.reason === "WouldLeaveNoEnabledNode" ? "Blocked" : "Pending",
			reason: waiting.reason,
			message: waitingMessages[waiting.reason](waiting, generation),
		};
	}
	if (live.leaving) return { ...common, ...told("NodeRemoved", "is being removed") };
	if (live.revision !== target || live.drifted) {
		const own = causes.filter(({ nodes }) => nodes.includes(live.name));
		const message = `${target === undefined ? "is being removed" : "restarts"}: ${own.map(describeCause).join("; ")}`;
		const reason = own[0]?.reason ?? "OperatorChanged";
		return { ...common, state: "Restarting", reason, message: message.slice(0, messageLimit) };
	}
	if (!live.ready && live.trouble) return { ...common, ...told("PodFailing", live.trouble) };
	if (!live.ready) return { ...common, ...told("PodStarting", "its pod is starting") };
	if (live.moving) return { ...common, ...told("OldPodDraining", "its old pod is draining") };
	return { ...common, ...takeOver(live) };
}

const takeOverReasons = {
	Unasked: "PodStarting",
	Applying: "TakingOver",
	Refused: "SettingsRefused",
	Overdue: "SettingsNotTaken",
} as const;

/** Of a node that runs and is ready. */
function takeOver({ takeOver: said, live }: NodeObservation) {
	if (said && said.state !== "InForce") return told(takeOverReasons[said.state], said.message);
	const inForce = said && live !== undefined ? { liveRevision: live } : {};
	return { state: nodeReasons.AsIntended, reason: "AsIntended", ...inForce };
}
