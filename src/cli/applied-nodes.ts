import type { KubernetesClient } from "../kubernetes/client.ts";
import { controllerOf, type Observed } from "../kubernetes/object.ts";
import { configMaps, type Deployment, deployments } from "../kubernetes/resources.ts";
import { imageFromAnnotation, restartAnnotation, revisionAnnotation } from "../objects/annotations.ts";
import { federationLabel, nodeLabel, switchLabel } from "../objects/labels.ts";
import { recordedIntent, revisionedName } from "../objects/node-configuration.ts";
import { nodeLiveName, readLive } from "../objects/node-live.ts";
import type { AppliedNode } from "../rollout/causes.ts";
import type { FederationObject } from "./federations.ts";

/** What a node runs, and when a restart of it was last carried out. */
export type RunningNode = AppliedNode & {
	readonly restartedAt?: string | undefined;
	/** Who chose its image; undefined where an operator made it that did not write that. */
	readonly imageFrom?: string | undefined;
	/** Revision of its live objects; undefined where it has none. */
	readonly live?: string;
};

/** What the nodes of a federation run: their Deployments, and the intents that these were made from. */
export async function runningNodes(
	client: KubernetesClient,
	{ metadata: { namespace, name, uid } }: Observed<FederationObject>,
): Promise<readonly RunningNode[]> {
	const labelSelector = `${federationLabel}=${name},${nodeLabel}`;
	const { items } = await client.list(deployments, { namespace, labelSelector });
	const own = items.filter(
		({ metadata }) => controllerOf({ metadata })?.uid === uid && metadata.deletionTimestamp === undefined,
	);
	return await Promise.all(own.map(async (deployment) => await runningNode(client, deployment)));
}

async function runningNode(client: KubernetesClient, { metadata }: Deployment): Promise<RunningNode> {
	const { namespace, name, labels = {}, annotations = {} } = metadata;
	const revision = annotations[revisionAnnotation] ?? "";
	const record = await client.get(configMaps, namespace, revisionedName(name, revision));
	const node = labels[nodeLabel] ?? "";
	const live = await client.get(configMaps, namespace, nodeLiveName(labels[federationLabel] ?? "", node));
	const written = live && readLive(live);
	return {
		name: node,
		federation: labels[switchLabel] === "Enabled" ? "Enabled" : "Disabled",
		revision,
		applied: recordedIntent(record),
		...(written && { live: written.revision, appliedLive: written.applied }),
		restartedAt: annotations[restartAnnotation],
		imageFrom: annotations[imageFromAnnotation],
	};
}
