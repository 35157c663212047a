import { createHash } from "node:crypto";
import { onTestFinished } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { isConflict, isNotFound } from "../../src/kubernetes/errors.ts";
import { controllerOf, keyOf, type Observed } from "../../src/kubernetes/object.ts";
import { WorkQueue } from "../../src/kubernetes/queue.ts";
import { Reflector } from "../../src/kubernetes/reflector.ts";
import { type Deployment, deployments, type Pod, pods } from "../../src/kubernetes/resources.ts";
import { nodeSelectorLabels, selectorText } from "../../src/objects/labels.ts";
import { eventually, recordingLog } from "./support.ts";

/** Pods that were made in the course of a test, oldest first, `NODE REVISION`. */
export interface PlayedCluster {
	readonly made: readonly string[];
}

/**
 * Plays what a bare API server lacks, for one namespace until the test ends: the Deployment controller and the kubelet
 * (a Deployment has one Ready pod of its newest template, and no other), and of the garbage collector what a Deployment
 * needs that is deleted in the foreground.
 *
 * @param starting nodes whose new pods, from when they are named here, do not get ready: the old ones stay beside them
 */
export function playCluster(
	client: KubernetesClient,
	namespace: string,
	starting: ReadonlySet<string> = new Set(),
): PlayedCluster {
	const { log } = recordingLog();
	const made: string[] = [];
	const stopping = new AbortController();
	const queue = new WorkQueue({
		concurrency: 1,
		backoff: { base: 20, cap: 200 },
		process: async (key) => await play(key),
	});
	const podReflector = new Reflector<Pod>({
		client,
		log,
		resource: pods,
		namespace,
		index: (pod) => controllerOf(pod)?.name,
	});
	const reflector = new Reflector<Deployment>({
		client,
		log,
		resource: deployments,
		namespace,
		onChange: (previous, current) => queue.add(keyOf(current ?? previous ?? unnamed)),
	});

	async function play(key: string): Promise<void> {
		const deployment = reflector.store.get(key);
		const name = key.split("/")[1] ?? "";
		if (!deployment || deployment.metadata.deletionTimestamp) {
			await removePods(name);
			if (deployment) await letGo(deployment);
			return;
		}
		await ensurePod(deployment);
		const { generation = 1 } = deployment.metadata;
		if (deployment.status?.observedGeneration === generation) return;
		const status = { status: { observedGeneration: generation } };
		await client.mergePatch(deployments, namespace, name, status, { subresource: "status" });
	}

	async function ensurePod(deployment: Observed<Deployment>): Promise<void> {
		const { template } = deployment.spec ?? {};
		const digest = createHash("sha256").update(JSON.stringify(template)).digest("hex").slice(0, 10);
		const name = `${deployment.metadata.name}-${digest}`;
		const owner = { apiVersion: "apps/v1", kind: "Deployment", name: deployment.metadata.name };
		const metadata = {
			name,
			namespace,
			labels: template?.metadata?.labels ?? {},
			annotations: template?.metadata?.annotations ?? {},
			ownerReferences: [{ ...owner, uid: deployment.metadata.uid, controller: true }],
		};
		const node = metadata.labels["xmppfed.dev/node"] ?? "";
		const isStarting = starting.has(node);
		if (!podReflector.store.get(`${namespace}/${name}`)) {
			const { containers = [], volumes = [] } = template?.spec ?? {};
			const pod = { apiVersion: "v1", kind: "Pod", metadata, spec: { containers, volumes } };
			podReflector.store.remember(await client.create(pods, pod));
			made.push(`${node} ${metadata.annotations["xmppfed.dev/revision"]}`);
			const status = { phase: "Running", conditions: [{ type: "Ready", status: isStarting ? "False" : "True" }] };
			await client.mergePatch(pods, namespace, name, { status }, { subresource: "status" });
		}
		if (!isStarting) await removePods(deployment.metadata.name, name);
	}

	async function removePods(deployment: string, except?: string): Promise<void> {
		for (const { metadata } of podReflector.store.byIndex(deployment)) {
			if (metadata.name !== except) await client.delete(pods, namespace, metadata.name);
		}
	}

	async function letGo({ metadata }: Observed<Deployment>): Promise<void> {
		if (!metadata.finalizers?.length) return;
		try {
			await client.mergePatch(deployments, namespace, metadata.name, { metadata: { finalizers: null } });
		} catch (error) {
			if (!isNotFound(error) && !isConflict(error)) throw error;
		}
	}

	const running = [podReflector.run(stopping.signal), reflector.run(stopping.signal)];
	onTestFinished(async () => {
		stopping.abort();
		await Promise.all(running);
		await queue.stop({ abort: true });
	});
	return { made };
}

const unnamed = { metadata: { name: "" } };

/**
 * Plays the scheduler: says of the pods of nodes, once they are there, which machine each runs on.
 *
 * @param machines addresses by node
 */
export async function placePods(
	client: KubernetesClient,
	namespace: string,
	federation: string,
	machines: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
	for (const [node, addresses] of Object.entries(machines)) {
		const labelSelector = selectorText(nodeSelectorLabels(federation, node));
		const pod = await eventually(async () => (await client.list(pods, { namespace, labelSelector })).items[0], node);
		const status = { hostIP: addresses[0], hostIPs: addresses.map((ip) => ({ ip })) };
		await client.mergePatch(pods, namespace, pod.metadata.name, { status }, { subresource: "status" });
	}
}

/** How many pods each node has had. */
export function podsByNode({ made }: PlayedCluster): Readonly<Record<string, number>> {
	const groups = Map.groupBy(made, (pod) => pod.split(" ")[0] ?? "");
	return Object.fromEntries([...groups].map(([node, its]) => [node, its.length]));
}
