import type { ClientAddress } from "../../../deploy/demo/conversation.ts";
import type { Kubectl, KubernetesObject } from "../../../deploy/demo/kubectl.ts";

interface Service extends KubernetesObject {
	readonly spec: { readonly ports: readonly { readonly nodePort?: number }[] };
}

interface KubernetesNode extends KubernetesObject {
	readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] };
}

/**
 * Where clients reach an XMPP server by a port of a Kubernetes node. The address of a load balancer moves to another one
 * when the machine is too busy, and connections do not move with it: nothing for those who count messages.
 */
export async function nodePortAddress(kubectl: Kubectl, namespace: string, server: string): Promise<ClientAddress> {
	const service = await kubectl.find<Service>("service", `${server}-clients`, namespace);
	const [node] = await kubectl.list<KubernetesNode>("nodes");
	const host = node?.status.addresses.find(({ type }) => type === "InternalIP")?.address;
	const port = service?.spec.ports[0]?.nodePort;
	if (host === undefined || port === undefined) throw new Error(`no node's port leads to Service ${server}-clients`);
	return { host, port };
}
