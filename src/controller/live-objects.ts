import type { KubernetesClient } from "../kubernetes/client.ts";
import { objectKey } from "../kubernetes/object.ts";
import { pods } from "../kubernetes/resources.ts";
import type { NodeSecrets } from "../model/federation-inputs.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { liveRevision } from "../model/revision.ts";
import { refreshAnnotation } from "../objects/annotations.ts";
import { nodeLabel } from "../objects/labels.ts";
import { liveObjects, nodeLiveName, readLive } from "../objects/node-live.ts";
import type { Caches } from "./caches.ts";
import type { FederationWriter } from "./federation-writer.ts";

interface Sources {
	readonly client: KubernetesClient;
	readonly caches: Caches;
	readonly now: () => Date;
}

/** Milliseconds until the kubelet of a pod is asked again to look for new files. */
const refreshAgain = 3_000;

/** Writes what a node with the strategy Live takes over while it runs. @returns whether it is there */
export async function writeLive(
	federation: FederationIntent,
	node: NodeIntent,
	secrets: NodeSecrets,
	sources: Sources,
	writer: FederationWriter,
): Promise<boolean> {
	const { configuration, secret } = wanted(federation, node, secrets, sources);
	const written = [await writer.apply(configuration), await writer.apply(secret)];
	return written.every(Boolean);
}

/**
 * Makes live objects again that somebody deleted, and puts back what somebody changed. What a newer operator would write
 * differently waits for the next change.
 */
export async function restoreLive(
	federation: FederationIntent,
	node: NodeIntent,
	secrets: NodeSecrets,
	sources: Sources,
	writer: FederationWriter,
): Promise<void> {
	const { configMaps, secrets: kept } = sources.caches;
	const name = objectKey(federation.namespace, nodeLiveName(federation.name, node.name));
	const { configuration, secret } = wanted(federation, node, secrets, sources);
	if (!configMaps.store.get(name) || writer.hasDrifted(configuration)) await writer.apply(configuration);
	if (!kept.store.get(name) || writer.hasDrifted(secret)) await writer.apply(secret);
}

/** As long as nothing changes, the time stays, so that nothing is written. */
function wanted(federation: FederationIntent, node: NodeIntent, secrets: NodeSecrets, { caches, now }: Sources) {
	const name = objectKey(federation.namespace, nodeLiveName(federation.name, node.name));
	const found = caches.configMaps.store.get(name);
	const before = found && readLive(found);
	const since = before?.revision === liveRevision(node) ? before?.writtenAt : undefined;
	return liveObjects(federation, node, secrets, since ?? now().toISOString());
}

/**
 * Lets the kubelets of pods look for new files at once: by itself a kubelet does so every minute or so, but always when an
 * annotation of the pod changes.
 *
 * @param key of the federation
 * @param late by node: names what its pods have to take over
 */
export async function refreshPods(
	key: string,
	late: ReadonlyMap<string, string>,
	{ client, caches, now }: Sources,
	writer: FederationWriter,
): Promise<void> {
	if (late.size === 0) return;
	for (const pod of caches.pods.store.byIndex(key)) {
		const { labels, annotations, deletionTimestamp } = pod.metadata;
		const revision = late.get(labels?.[nodeLabel] ?? "");
		if (revision === undefined || deletionTimestamp !== undefined || pod.status?.phase !== "Running") continue;
		const [before, at = ""] = annotations?.[refreshAnnotation]?.split("@") ?? [];
		if (before === revision && now().getTime() - Date.parse(at) < refreshAgain) continue;
		await writer.annotate(client, pods, pod, { [refreshAnnotation]: `${revision}@${now().toISOString()}` });
	}
}
