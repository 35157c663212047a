import type { KubernetesClient } from "../kubernetes/client.ts";
import { type Pod, pods } from "../kubernetes/resources.ts";
import {
	enabledSelector,
	federationLabel,
	nodeLabel,
	roleLabel,
	selectorText,
	switchLabel,
} from "../objects/labels.ts";

/** A pod that runs a federation connection manager, or is to. */
export interface GatewayPod {
	readonly namespace: string;
	readonly name: string;
	readonly federation: string;
	/** The node of the federation. */
	readonly node: string;
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
	const { items } = await client.list(pods, { namespace, labelSelector: selected });
	return items.map((pod) => gatewayPod(namespace, pod)).toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

function gatewayPod(namespace: string, { metadata, status }: Pod): GatewayPod {
	const { name, labels = {} } = metadata;
	const phase = status?.phase ?? "Unknown";
	return {
		namespace,
		name,
		federation: labels[federationLabel] ?? "",
		node: labels[nodeLabel] ?? "",
		...(phase !== "Running" && { absence: `it does not run: it is ${phase}` }),
	};
}

function sortKey({ federation, node, name }: GatewayPod): string {
	return `${federation}/${node}/${name}`;
}
