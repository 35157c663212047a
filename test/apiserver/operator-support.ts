import { onTestFinished } from "vitest";
import { xmppFederationResource } from "../../src/api/xmpp-federation.ts";
import { OperatorMetrics } from "../../src/controller/metrics.ts";
import { operate } from "../../src/controller/operator.ts";
import type { Ask } from "../../src/dns/asker.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { EventRecorder } from "../../src/kubernetes/events.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";
import type { ReflectorTiming } from "../../src/kubernetes/reflector.ts";
import {
	configMaps,
	deployments,
	networkPolicies,
	podDisruptionBudgets,
	pods,
	secrets,
	services,
} from "../../src/kubernetes/resources.ts";
import { nodeLabel } from "../../src/objects/labels.ts";
import { countingClient, freshNamespace, recordingLog, testClient } from "./support.ts";

interface Rollout {
	readonly causes: readonly {
		readonly rule: string;
		readonly reason: string;
		readonly field: string;
		readonly from?: string;
		readonly to?: string;
		readonly scope: string;
		readonly nodes: readonly string[];
	}[];
	readonly total: number;
	readonly done: number;
}
type FinishedRollout = Omit<Rollout, "done">;

export interface FederationObject extends KubernetesObject {
	readonly spec: Record<string, unknown>;
	readonly status?: {
		readonly conditions: readonly {
			type: string;
			status: string;
			reason: string;
			message: string;
			observedGeneration?: number;
		}[];
		readonly nodes: readonly {
			name: string;
			state: string;
			reason: string;
			message: string;
			ready: boolean;
			liveRevision?: string;
		}[];
		readonly readyNodes: string;
		readonly effective?: { readonly image: string; readonly operatorImage?: string };
		readonly rollout?: Rollout;
		readonly finishedRollouts?: readonly FinishedRollout[];
	};
}

export const federations: Resource<FederationObject> = xmppFederationResource;

export const defaults = {
	gatewayImage: "registry.example/gateway:1",
	resolverImage: "registry.example/coredns:1",
	clusterDomain: "cluster.local",
};

/** Milliseconds, long enough for whatever the operator would still do. */
export const quiet = 1_500;

export async function newNamespace() {
	const client = testClient();
	const namespace = await freshNamespace(client);
	return { client, namespace };
}

/** Objects of a federation of two nodes without a resolver. */
export const objectCount = 16;

export interface OperatorSettings {
	/** Kubeconfig; absent: an administrator's of the shared control plane. */
	readonly kubeconfig?: string;
	readonly timing?: Partial<ReflectorTiming>;
	readonly concurrency?: number;
	readonly now?: () => Date;
	/** Looks up what DNS says; absent: nobody does. */
	readonly askDns?: Ask;
	/** Throws where the operator may not write; Events are not asked about. */
	readonly beforeWrite?: () => void;
}

/** Watches that come back soon after a fault. */
export const impatient: Partial<ReflectorTiming> = { backoff: { base: 50, cap: 500 } };

/** Runs the operator in this process, for one namespace or (undefined) all, until the test ends (or `stop`, or `kill`). */
export function startOperator(
	namespace: string | undefined,
	more: Partial<typeof defaults> = {},
	settings: OperatorSettings = {},
) {
	const { beforeWrite } = settings;
	const { client, requests, writes } = countingClient(beforeWrite && { beforeWrite }, settings.kubeconfig);
	const metrics = new OperatorMetrics();
	const { log, records } = recordingLog();
	const stopping = new AbortController();
	const killed = new AbortController();
	const recording = client.with({ beforeWrite: () => {} });
	const events = new EventRecorder({
		client: recording,
		log,
		controller: "xmppfed.dev/operator",
		instance: "test",
	});
	const running = operate(
		{
			client,
			events,
			log,
			metrics,
			defaults: { ...defaults, ...more },
			namespace,
			concurrency: settings.concurrency ?? 4,
			...(settings.timing && { timing: settings.timing }),
			...(settings.now && { now: settings.now }),
			askDns: settings.askDns,
			lookupTiming: { settled: 500, open: 500 },
			directorySecond: 50,
		},
		stopping.signal,
		killed.signal,
	);
	const stop = async () => {
		stopping.abort();
		await running;
		await events.stop({ drop: killed.signal.aborted });
	};
	/** Ends at once, in the middle of whatever runs. */
	const kill = async () => {
		killed.abort();
		await stop();
	};
	onTestFinished(stop);
	return { requests, writes, records, metrics, stop, kill, connections: () => client.connections };
}

/** Kinds of the objects that federations are made of. */
export const ownedKinds: readonly Resource[] = [
	services,
	configMaps,
	secrets,
	deployments,
	networkPolicies,
	podDisruptionBudgets,
];

export function federation(namespace: string, name: string, spec: Record<string, unknown> = {}): FederationObject {
	return {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "XmppFederation",
		metadata: { name, namespace },
		spec: {
			domain: "example.com",
			upstream: { host: "xmpp.chat.svc" },
			// No load balancer is here to give an address.
			service: { type: "ClusterIP" },
			nodes: [
				{ name: "gw-1", federation: "Enabled" },
				{ name: "gw-2", federation: "Enabled" },
			],
			...spec,
		},
	};
}

/** Condition of a federation, as `STATUS REASON`. */
export async function condition(client: KubernetesClient, namespace: string, name: string, type: string) {
	const { status } = (await client.get(federations, namespace, name)) ?? {};
	const found = status?.conditions.find((entry) => entry.type === type);
	return found && { text: `${found.status} ${found.reason}`, message: found.message };
}

/** Names of all objects that the federation of this name owns, `Kind/name`. */
export async function ownedObjects(client: KubernetesClient, namespace: string, name: string): Promise<string[]> {
	const lists = await Promise.all(ownedKinds.map(async (kind) => (await client.list(kind, { namespace })).items));
	return lists
		.flat()
		.filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.name === name))
		.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
}

/**
 * Plays the Deployment controller and the kubelet, which a bare API server lacks: gives a node's Deployment one pod of
 * its newest revision, ready or not, and takes the others away.
 */
export async function playKubelet(
	client: KubernetesClient,
	namespace: string,
	node: string,
	ready: boolean,
	ip?: string,
) {
	const deployment = (await client.list(deployments, { namespace, labelSelector: `${nodeLabel}=${node}` })).items[0];
	const template = deployment?.spec?.template;
	if (!deployment || !template?.metadata) throw new Error(`node ${node} has no Deployment`);
	const name = `${node}-${deployment.metadata.generation}-${ready ? "ready" : "starting"}`;
	for (const pod of (await client.list(pods, { namespace, labelSelector: `${nodeLabel}=${node}` })).items) {
		if (pod.metadata.name !== name) await client.delete(pods, namespace, pod.metadata.name);
	}
	const { labels, annotations } = template.metadata;
	const pod = {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) },
	};
	await client.create(pods, { ...pod, spec: { containers: [{ name: "router", image: "none" }] } });
	const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
	const status = { phase: "Running", conditions, ...(ip !== undefined && { podIP: ip, podIPs: [{ ip }] }) };
	await client.mergePatch(pods, namespace, name, { status }, { subresource: "status" });
	const { generation = 1 } = deployment.metadata;
	await client.mergePatch(
		deployments,
		namespace,
		deployment.metadata.name,
		{ status: { observedGeneration: generation } },
		{ subresource: "status" },
	);
}

export async function revisionOf(
	client: KubernetesClient,
	namespace: string,
	node: string,
): Promise<string | undefined> {
	const found = (await client.list(deployments, { namespace, labelSelector: `${nodeLabel}=${node}` })).items;
	return found[0]?.metadata.annotations?.["xmppfed.dev/revision"];
}

/** Plays the garbage collector: removes an object, given as `Kind/name`. */
export async function removeOwned(client: KubernetesClient, namespace: string, object: string): Promise<void> {
	const [kind, name = ""] = object.split("/");
	const resource = ownedKinds.find((candidate) => candidate.kind === kind);
	if (!resource) throw new Error(`nothing of ours is a ${kind}`);
	await client.delete(resource, namespace, name);
}
