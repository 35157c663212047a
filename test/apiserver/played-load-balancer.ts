import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { services } from "../../src/kubernetes/resources.ts";
import { eventually } from "./support.ts";

/** Plays what gives a Service an address, once the operator has made it: on a bare API server nothing does. */
export async function giveAddress(
	client: KubernetesClient,
	namespace: string,
	service: string,
	ip: string,
): Promise<void> {
	await eventually(async () => await client.get(services, namespace, service), `Service ${service} is made`);
	const status = { loadBalancer: { ingress: [{ ip }] } };
	await client.mergePatch(services, namespace, service, { status }, { subresource: "status" });
}
