import { pino } from "pino";
import { nodeOf } from "../../../deploy/demo/gateway-status.ts";
import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import { xmppFederationResource } from "../../../src/api/xmpp-federation.ts";
import { KubernetesClient } from "../../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../../src/kubernetes/connection.ts";
import type { KubernetesObject, Observed, Resource } from "../../../src/kubernetes/object.ts";
import { Reflector } from "../../../src/kubernetes/reflector.ts";
import { type Deployment, deployments, type Event, events, type Pod, pods } from "../../../src/kubernetes/resources.ts";

interface WatchedFederation extends KubernetesObject {
	readonly status?: {
		readonly rollout?: { readonly causes: readonly { readonly nodes: readonly string[] }[] };
	};
}

const federations: Resource<WatchedFederation> = xmppFederationResource;
const federationLabel = "xmppfed.dev/federation";

/** One thing that was written; `version` is the API server's count of all writes. */
interface Written {
	readonly version: number;
	readonly node: string;
}

/** A write of what a node runs: its Deployment made, changed or removed. */
interface Act extends Written {
	readonly what: "made" | "changed" | "removed";
}

/** A pod of a node, as long as there is one. */
export interface PodLife {
	readonly node: string;
	readonly uid: string;
	/** How often its containers were started again. */
	restarts: number;
	wasReady: boolean;
	/** It is being deleted, and its processes still run. */
	leaving: boolean;
	/** Its processes have ended. */
	ended: boolean;
}

/**
 * Watches one federation: which pods it has had, which nodes were without a ready one, and whether status and Events said
 * why before a node was touched. All versions come from the API server itself, so that no clock decides what was first.
 */
export class RestartWatch implements AsyncDisposable {
	readonly pods = new Map<string, PodLife>();
	/** Nodes of the pods that were made, in order. */
	readonly made: string[] = [];
	/** Acts on a node that was ready while another one had not been for a while: those would be two at once. */
	readonly hasty: string[] = [];
	/** Nodes that had a ready pod and then had none, with the time. */
	readonly down: { readonly node: string; readonly at: Date }[] = [];
	/** Nodes of which pods were leaving at the same time, as often as that were several. */
	readonly leavingTogether: (readonly string[])[] = [];
	readonly #acts: Act[] = [];
	readonly #toldByStatus: Written[] = [];
	readonly #toldByEvent: Written[] = [];
	readonly #ready = new Set<string>();
	/** Since when nodes that have pods have no ready one, in milliseconds. */
	readonly #notReadySince = new Map<string, number>();
	readonly #stopping = new AbortController();
	readonly #client: KubernetesClient;
	#running: Promise<unknown> = Promise.resolve();

	static async start(
		kubectl: Kubectl,
		namespace: string,
		federation: string,
		onReadyPod: (pod: string) => void = () => {},
	): Promise<RestartWatch> {
		const client = new KubernetesClient(loadKubeConfig({ kubeconfig: kubectl.cluster.kubeconfigPath }));
		const watch = new RestartWatch(client);
		await watch.#start(namespace, federation, onReadyPod);
		return watch;
	}

	private constructor(client: KubernetesClient) {
		this.#client = client;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#stopping.abort();
		await this.#running;
		await this.#client.close();
	}

	/** Forgets what was, except the pods that are there. */
	mark(): void {
		const { made, hasty, down, leavingTogether } = this;
		for (const list of [made, hasty, down, leavingTogether, this.#acts, this.#toldByStatus, this.#toldByEvent]) {
			list.length = 0;
		}
	}

	/** Of each node the uids of the pods that are there and not leaving, and how often processes in them restarted. */
	running(): ReadonlyMap<string, string> {
		const staying = [...this.pods.values()].filter(({ leaving, ended }) => !leaving && !ended);
		const groups = Map.groupBy(staying, ({ node }) => node);
		const words = (lives: readonly PodLife[]) => lives.map(({ uid, restarts }) => `${uid} ${restarts}`).toSorted();
		return new Map([...groups].map(([node, lives]) => [node, words(lives).join(", ")]));
	}

	/** Acts before which status or no Event of that node had said why. */
	untold(): readonly string[] {
		return this.#acts.flatMap(({ node, what, version }, index) => {
			const before = this.#acts.slice(0, index).findLast((act) => act.node === node)?.version ?? 0;
			const isTold = (told: Written) => told.node === node && told.version > before && told.version < version;
			const missing = [
				...(this.#toldByStatus.some(isTold) ? [] : ["status"]),
				...(this.#toldByEvent.some(isTold) ? [] : ["Event"]),
			];
			return missing.length === 0 ? [] : [`${node} ${what} without ${missing.join(" and ")} before`];
		});
	}

	/** Nodes whose Deployments were written, in order. */
	get touched(): readonly string[] {
		return this.#acts.map(({ node }) => node);
	}

	/** Whether a pod of any node is on its way out. */
	get isLeaving(): boolean {
		return [...this.pods.values()].some(({ leaving }) => leaving);
	}

	async #start(namespace: string, federation: string, onReadyPod: (pod: string) => void): Promise<void> {
		const log = pino({ level: "silent" });
		const ofFederation = { client: this.#client, log, namespace, labelSelector: `${federationLabel}=${federation}` };
		const podReflector: Reflector<Pod> = new Reflector<Pod>({
			...ofFederation,
			labelSelector: `${ofFederation.labelSelector},xmppfed.dev/role=gateway`,
			resource: pods,
			onChange: (previous, current) => {
				this.#onPod(previous, current, podReflector.store.list());
				if (current && isReady(current)) onReadyPod(current.metadata.name);
			},
		});
		const deploymentReflector = new Reflector<Deployment>({
			...ofFederation,
			resource: deployments,
			onChange: (previous, current) => {
				if (deploymentReflector.isSynced) this.#onDeployment(previous, current);
			},
		});
		const federationReflector = new Reflector<WatchedFederation>({
			client: this.#client,
			log,
			namespace,
			fieldSelector: `metadata.name=${federation}`,
			resource: federations,
			onChange: (_previous, current) => {
				const named = current?.status?.rollout?.causes.flatMap(({ nodes }) => nodes) ?? [];
				for (const node of new Set(named)) this.#toldByStatus.push({ version: versionOf(current), node });
			},
		});
		const eventReflector = new Reflector<Event>({
			client: this.#client,
			log,
			namespace,
			resource: events,
			onChange: (_previous, current) => {
				const node = /^Node (\S+) (?:starts|restarts|is removed)/.exec(current?.note ?? "")?.[1];
				const isOurs = current?.regarding?.name === federation;
				if (isOurs && node !== undefined) this.#toldByEvent.push({ version: versionOf(current), node });
			},
		});
		const all = [podReflector, deploymentReflector, federationReflector, eventReflector];
		this.#running = Promise.all(all.map((reflector) => reflector.run(this.#stopping.signal)));
		await Promise.all(all.map(({ synced }) => synced));
		this.mark();
	}

	#onPod(previous: Observed<Pod> | undefined, current: Observed<Pod> | undefined, all: readonly Observed<Pod>[]): void {
		const uid = (current ?? previous)?.metadata.uid ?? "";
		if (current) {
			if (!previous) this.made.push(nodeOf(current));
			const life = this.pods.get(uid) ?? {
				node: nodeOf(current),
				uid,
				restarts: 0,
				wasReady: false,
				leaving: false,
				ended: false,
			};
			life.wasReady ||= isReady(current);
			// What has ended is still there for a while, and does nothing.
			const hasEnded = ["Succeeded", "Failed"].includes(current.status?.phase ?? "");
			life.leaving = current.metadata.deletionTimestamp !== undefined && !hasEnded;
			life.ended = hasEnded;
			life.restarts = (current.status?.containerStatuses ?? []).reduce(
				(sum, { restartCount }) => sum + restartCount,
				0,
			);
			this.pods.set(uid, life);
		} else {
			this.pods.delete(uid);
		}
		const ready = new Set(all.filter(isReady).map(nodeOf));
		for (const node of this.#ready) if (!ready.has(node)) this.down.push({ node, at: new Date() });
		this.#ready.clear();
		for (const node of ready) this.#ready.add(node);
		const since = new Map(this.#notReadySince);
		this.#notReadySince.clear();
		for (const { node } of this.pods.values()) {
			if (!ready.has(node)) this.#notReadySince.set(node, since.get(node) ?? performance.now());
		}
		const leaving = new Set([...this.pods.values()].filter((life) => life.leaving).map(({ node }) => node));
		if (leaving.size > 1) this.leavingTogether.push([...leaving].toSorted());
	}

	#onDeployment(previous: Observed<Deployment> | undefined, current: Observed<Deployment> | undefined): void {
		const node = current && nodeOf(current);
		if (!current || !node) return;
		const version = versionOf(current);
		const goes = current.metadata.deletionTimestamp !== undefined;
		const acts = this.#acts.length;
		if (!previous) this.#acts.push({ version, node, what: "made" });
		else if (goes && !previous.metadata.deletionTimestamp) this.#acts.push({ version, node, what: "removed" });
		else if (!goes && current.metadata.generation !== previous.metadata.generation) {
			this.#acts.push({ version, node, what: "changed" });
		}
		if (this.#acts.length > acts && this.#ready.has(node)) this.#noteHaste(node);
	}

	/** What became not ready a moment ago the operator may not have seen. */
	#noteHaste(node: string): void {
		for (const [other, since] of this.#notReadySince) {
			const seconds = (performance.now() - since) / 1000;
			if (other !== node && seconds > 2) this.hasty.push(`${node} while ${other} was not ready for ${seconds} s`);
		}
	}
}

function versionOf(object: KubernetesObject | undefined): number {
	return Number(object?.metadata.resourceVersion);
}

function isReady({ status }: Observed<Pod>): boolean {
	return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
}
