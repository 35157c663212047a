import { pino } from "pino";
import { KubernetesClient } from "../../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../../src/kubernetes/connection.ts";
import { isNotFound } from "../../../src/kubernetes/errors.ts";
import { type Observed, objectKey } from "../../../src/kubernetes/object.ts";
import { WorkQueue } from "../../../src/kubernetes/queue.ts";
import { Reflector } from "../../../src/kubernetes/reflector.ts";
import { type Deployment, deployments, type Pod, pods } from "../../../src/kubernetes/resources.ts";
import { managedSelector, nodeLabel } from "../../../src/objects/labels.ts";

/**
 * Plays the Deployment controller and the kubelet, which a bare API server lacks: each gateway Deployment gets one ready
 * pod of its newest generation, at once. A process of its own, so that it is not measured with the operator.
 */
const [kubeconfig = ""] = process.argv.slice(2);
const client = new KubernetesClient(loadKubeConfig({ kubeconfig }));
const log = pino({ level: "error" });
const common = { client, log, labelSelector: managedSelector };
const stop = new AbortController();
process.on("SIGTERM", () => process.exit(0));

const podCache = new Reflector<Pod>({
	...common,
	resource: pods,
	index: ({ metadata }) => objectKey(metadata.namespace, metadata.ownerReferences?.[0]?.name ?? ""),
});
const cache = new Reflector<Deployment>({
	...common,
	resource: deployments,
	onChange: (_previous, current) => {
		const changed = current && current.status?.observedGeneration !== current.metadata.generation;
		if (changed && current.metadata.labels?.[nodeLabel])
			queue.add(objectKey(current.metadata.namespace, current.metadata.name));
	},
});
const queue = new WorkQueue({
	concurrency: 4,
	process: async (key) => {
		const deployment = cache.store.get(key);
		if (deployment) await play(deployment);
		queue.forget(key);
	},
});
void podCache.run(stop.signal);
await podCache.synced;
await cache.run(stop.signal);

async function play(deployment: Observed<Deployment>): Promise<void> {
	const { namespace = "", name, generation = 1, uid } = deployment.metadata;
	for (const old of podCache.store.byIndex(objectKey(namespace, name))) {
		await client.delete(pods, namespace, old.metadata.name).catch(ignoreMissing);
	}
	const { labels, annotations } = deployment.spec?.template.metadata ?? {};
	const pod = `${name}-${generation}`;
	await client.create(pods, {
		apiVersion: "v1",
		kind: "Pod",
		metadata: {
			name: pod,
			namespace,
			...(labels && { labels }),
			...(annotations && { annotations }),
			ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name, uid }],
		},
		spec: { containers: [{ name: "router", image: "none" }] },
	});
	const status = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
	await client.mergePatch(pods, namespace, pod, { status }, { subresource: "status" });
	const observed = { status: { observedGeneration: generation } };
	await client.mergePatch(deployments, namespace, name, observed, { subresource: "status" });
}

function ignoreMissing(error: unknown): void {
	if (!isNotFound(error)) throw error;
}
