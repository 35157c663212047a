import type { KubernetesClient } from "../kubernetes/client.ts";
import { type Pod, pods } from "../kubernetes/resources.ts";
import {
	enabledSelector,
	federationLabel,
	nodeLabel,
	roleLabel,
	roleSelector,
	selectorText,
	switchLabel,
} from "../objects/labels.ts";

/** A pod of a node. */
export interface GatewayPod {
	readonly namespace: string;
	readonly name: string;
	readonly federation: string;
	/** The node of the federation. */
	readonly node: string;
	/** Names of its processes. */
	readonly containers: readonly string[];
	/** Why it cannot be asked anything. */
	readonly absence?: string;
}

/** The pods of the Enabled nodes of one federation, or of all in a namespace, by federation and node. */
export async function gatewayPods(
	client: KubernetesClient,
	namespace: string,
	federation?: string,
): Promise<readonly GatewayPod[]> {
	const selected =
		federation === undefined
			? `${federationLabel},${roleLabel}=gateway,${switchLabel}=Enabled`
			: selectorText(enabledSelector(federation));
	return await podsBy(client, namespace, selected);
}

/** The pods of all nodes of a federation, by node. */
export async function podsOfNodes(
	client: KubernetesClient,
	namespace: string,
	federation: string,
): Promise<readonly GatewayPod[]> {
	return await podsBy(client, namespace, selectorText(roleSelector(federation, "gateway")));
}

async function podsBy(client: KubernetesClient, namespace: string, labelSelector: string) {
	const { items } = await client.list(pods, { namespace, labelSelector });
	return items.map(gatewayPod).toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

export function gatewayPod({ metadata, spec, status }: Pod): GatewayPod {
	const { namespace = "", name, labels = {} } = metadata;
	const phase = status?.phase ?? "Unknown";
	return {
		namespace,
		name,
		federation: labels[federationLabel] ?? "",
		node: labels[nodeLabel] ?? "",
		containers: (spec?.containers ?? []).map((container) => container.name),
		...(phase !== "Running" && { absence: `it does not run: it is ${phase}` }),
	};
}

function sortKey({ federation, node, name }: GatewayPod): string {
	return `${federation}/${node}/${name}`;
}
