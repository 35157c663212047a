import type { KubernetesClient } from "../kubernetes/client.ts";
import { deployments } from "../kubernetes/resources.ts";

/** A Deployment of the operator. */
export interface OperatorInstallation {
	readonly namespace: string;
	readonly image: string;
}

/** Part of the Deployment's selector in every way to install it, which never changes. */
const operatorSelector = "app.kubernetes.io/name=xmpp-federation-operator,app.kubernetes.io/component=operator";

/** The operators of a cluster, in all namespaces. */
export async function operatorsOf(client: KubernetesClient): Promise<readonly OperatorInstallation[]> {
	const { items } = await client.list(deployments, { labelSelector: operatorSelector });
	return items.map(({ metadata: { namespace = "" }, spec }) => ({
		namespace,
		image: spec?.template.spec?.containers[0]?.image ?? "",
	}));
}
