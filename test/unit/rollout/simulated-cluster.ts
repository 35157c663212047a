import type { FederationIntent, NodeIntent } from "../../../src/model/intent.ts";
import { liveOf } from "../../../src/model/live.ts";
import { liveRevision, nodeRevision, revisionedIntent } from "../../../src/model/revision.ts";
import { type RolloutOrders, requestedAt } from "../../../src/model/rollout-orders.ts";
import type { AppliedNode } from "../../../src/rollout/causes.ts";
import { handingOver, handingOverLive } from "../../../src/rollout/hand-over.ts";
import type { ObservedNode, Step } from "../../../src/rollout/plan.ts";
import { node as example } from "../gateway/node.ts";

/** What the properties vary of a federation: one field for each kind of cause. */
export interface Settings {
	readonly nodes: readonly {
		readonly name: string;
		readonly federation: "Enabled" | "Disabled";
		readonly port: number;
	}[];
	readonly drainSeconds: number;
	readonly strategy: "Documented" | "Live";
	/** Chat node of an alias, by its place among the nodes; undefined where there is no alias. */
	readonly chatNode?: number | undefined;
	/** Digest of the certificate: what a node takes over while it runs. */
	readonly certificate: string;
	readonly orders: RolloutOrders;
}

/** The internal server listens there and nowhere else. */
const reachablePort = 5269;
const alias = "conference.example.com";

interface SimulatedNode {
	readonly intent: NodeIntent;
	/** What its live objects were made from; undefined where it has none. */
	live: NodeIntent | undefined;
	/** Of these, what its processes use. */
	taken: NodeIntent | undefined;
	/** The pod of the newest revision. */
	pod: "Starting" | "Ready" | "Broken";
	/** The pod of the revision before still runs or drains. */
	oldPod: boolean;
	/** The Deployment is being deleted. */
	leaving: boolean;
	drifted: boolean;
	/** Somebody scaled it up by hand: it moves until it restarts. */
	crowded: boolean;
	/** Nodes to whose newest pod its router has links. */
	readonly links: Set<string>;
	/** Whether its router says so to the operator. */
	tells: boolean;
	/** The planner restarted it, and it is not through yet. */
	ours: boolean;
}

/** The node that has the alias; undefined where there is no alias. */
export function chatNodeOf({ nodes, chatNode }: Settings): string | undefined {
	return chatNode === undefined ? undefined : nodes[chatNode % nodes.length]?.name;
}

/** Kubernetes, Prosody and their troubles, as far as the planner sees them. */
export class SimulatedCluster {
	readonly nodes = new Map<string, SimulatedNode>();

	/** What the model makes of settings: the applied restarts come from the cluster, as the Deployments keep them. */
	intent(settings: Settings): FederationIntent {
		const { nodes, drainSeconds, strategy, certificate, orders } = settings;
		const chatNode = chatNodeOf(settings);
		const enabledNodes = nodes
			.filter(({ federation }) => federation === "Enabled")
			.map(({ name }) => name)
			.toSorted();
		return {
			namespace: example.namespace,
			name: example.federationName,
			uid: "1",
			domains: example.domains,
			imageFrom: "Operator",
			operatorImage: example.image,
			orders,
			policyLists: [],
			ownUpstreams: nodes.map(({ name }) => name),
			service: { type: "ClusterIP", annotations: {}, labels: {}, sourceRanges: [] },
			nodeAddresses: [],
			dns: { ttl: 300, priority: 0, weight: 0 },
			internalService: { type: "ClusterIP", annotations: {}, sourceRanges: [] },
			nodes: nodes.map(({ name, federation, port }): NodeIntent => {
				const at = requestedAt(name, orders, this.nodes.get(name)?.intent.requestedAt);
				return {
					...example,
					name,
					federation,
					published: federation === "Enabled",
					enabledNodes,
					upstream: { ...example.upstream, port },
					secrets: { ...example.secrets, certificate },
					...(drainSeconds !== 30 && { drainSeconds }),
					...(strategy === "Live" && { strategy, liveAliases: true }),
					...(chatNode !== undefined && {
						aliases: { [alias]: { upstream: example.upstream, here: name === chatNode } },
					}),
					...(at !== undefined && { requestedAt: at }),
				};
			}),
		};
	}

	/** @param intent what is asked for: only of a node that is at it can be told that somebody changed it */
	observe(intent: FederationIntent): (ObservedNode & AppliedNode)[] {
		const wanted = new Set(intent.nodes.map(nodeRevision));
		const found = [...this.nodes.values()].map((node) => ({
			name: node.intent.name,
			federation: node.intent.federation,
			revision: nodeRevision(node.intent),
			applied: JSON.parse(JSON.stringify(revisionedIntent(node.intent))) as unknown,
			...(node.live && { live: liveRevision(node.live), appliedLive: liveOf(node.live) }),
			ready: node.pod === "Ready" && !node.leaving,
			moving: node.oldPod || node.leaving || node.crowded,
			drifted: (node.drifted || node.crowded) && wanted.has(nodeRevision(node.intent)),
			...(node.crowded && !node.oldPod && !node.leaving && { crowded: true }),
			leaving: node.leaving,
			...(node.tells && {
				linkedTo: [...node.links],
				upstream: { reachable: node.intent.upstream.port === reachablePort },
			}),
		}));
		const leaving = handingOver(intent, found);
		return found.map((node) => ({ ...node, ...(leaving.has(node.name) && { handsOver: true }) }));
	}

	/** What the planner is asked with: an alias stays where it is served until it is served where it goes. */
	intentForNow(settings: Settings): FederationIntent {
		const intent = this.intent(settings);
		const running = this.observe(intent).map((node) => ({ ...node, servesGivenAliases: this.isTaken(node.name) }));
		return handingOverLive(intent, running);
	}

	isTaken(name: string): boolean {
		const node = this.nodes.get(name);
		return node !== undefined && node.taken === node.live;
	}

	/** Nodes whose processes take what peers send to the alias. */
	serving(): readonly string[] {
		const isServing = ({ intent, taken, pod }: SimulatedNode) =>
			pod === "Ready" && (intent.strategy === "Live" ? taken : intent)?.aliases?.[alias]?.here;
		return [...this.nodes.values()].filter(isServing).map(({ intent }) => intent.name);
	}

	take({ kind, node: name }: Step, intent: FederationIntent): void {
		const existing = this.nodes.get(name);
		if (kind === "Remove") {
			if (existing) [existing.leaving, existing.ours] = [true, true];
			return;
		}
		const wanted = intent.nodes.find((node) => node.name === name);
		if (!wanted) throw new Error(`${kind} of a node that is not wanted: ${name}`);
		if (kind === "Apply") {
			if (existing) existing.live = wanted;
			return;
		}
		this.nodes.set(name, {
			intent: wanted,
			live: wanted.strategy === "Live" ? wanted : undefined,
			taken: undefined,
			pod: "Starting",
			oldPod: existing?.pod === "Ready" || existing?.oldPod === true,
			leaving: false,
			drifted: false,
			crowded: false,
			links: new Set(),
			tells: existing?.tells ?? true,
			ours: true,
		});
		for (const other of this.nodes.values()) other.links.delete(name);
	}

	/** One thing happens with a node by itself. */
	advance(name: string): void {
		const node = this.nodes.get(name);
		if (!node) return;
		if (node.leaving) return void this.nodes.delete(name);
		if (node.pod === "Broken") return;
		if (node.pod === "Starting") {
			if (this.#canStart(node)) [node.pod, node.taken] = ["Ready", node.live];
			return;
		}
		if (node.oldPod) return void (node.oldPod = false);
		for (const other of this.nodes.values()) {
			if (other.intent.federation === "Enabled" && other.pod === "Ready") node.links.add(other.intent.name);
		}
		node.ours = false;
		node.taken = node.live;
	}

	break(name: string): void {
		const node = this.nodes.get(name);
		if (node && !node.leaving) [node.pod, node.ours] = ["Broken", false];
	}

	crowd(name: string): void {
		const node = this.nodes.get(name);
		if (node && !node.leaving) [node.crowded, node.ours] = [true, false];
	}

	heal(): void {
		for (const node of this.nodes.values()) if (node.pod === "Broken") node.pod = "Starting";
	}

	/** A router is ready when it has links; with no Enabled node, at once. Only equal domains meet: here, equal ports. */
	#canStart(node: SimulatedNode): boolean {
		if (node.intent.federation === "Enabled") return true;
		const enabled = [...this.nodes.values()].filter(({ intent }) => intent.federation === "Enabled");
		const sameSet = JSON.stringify(node.intent.enabledNodes);
		return (
			enabled.length === 0 ||
			enabled.some(({ intent, pod }) => pod === "Ready" && JSON.stringify(intent.enabledNodes) === sameSet)
		);
	}
}
