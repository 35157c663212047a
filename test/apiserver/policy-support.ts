import { federationPolicyResource } from "../../src/api/federation-policy.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";

export interface PolicyObject extends KubernetesObject {
	readonly spec: Record<string, unknown>;
	readonly status?: {
		readonly conditions: readonly { type: string; status: string; reason: string; message: string }[];
		readonly exceptions?: number;
		readonly digest?: string;
		readonly nodes?: number;
	};
}

export const policies: Resource<PolicyObject> = federationPolicyResource;

export const policy = (namespace: string, name: string, spec: Record<string, unknown> = {}): PolicyObject => ({
	apiVersion: "xmppfed.dev/v1alpha1",
	kind: "FederationPolicy",
	metadata: { name, namespace },
	spec: { federationRef: { name: "example" }, default: "Deny", ...spec },
});

/** A condition of a policy, as `STATUS REASON: MESSAGE`. */
export async function told(client: KubernetesClient, namespace: string, name: string, type: string): Promise<string> {
	const { status } = (await client.get(policies, namespace, name)) ?? {};
	const found = status?.conditions.find((entry) => entry.type === type);
	return found ? `${found.status} ${found.reason}: ${found.message}` : "";
}
