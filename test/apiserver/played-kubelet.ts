import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { Resource } from "../../src/kubernetes/object.ts";
import { loopbackCertificates } from "./certificates.ts";

const machines: Resource = { apiVersion: "v1", kind: "Node", plural: "nodes", namespaced: false };

/**
 * Plays the kubelet of a machine, as far as logs go, until the test ends: the API server asks it for what a container has
 * written. With `follow` an answer stays open.
 *
 * @param machine a name that no other test uses
 * @param written what it gives, by `NAMESPACE/POD/CONTAINER`; what is not there is answered as an error
 */
export async function playKubeletLogs(
	client: KubernetesClient,
	machine: string,
	written: ReadonlyMap<string, string>,
): Promise<void> {
	const { server: pair } = await loopbackCertificates();
	const server = createServer({ cert: pair.certificate, key: pair.key }, (request, response) => {
		const { pathname, searchParams } = new URL(request.url ?? "", "https://kubelet");
		const [, what, ...names] = pathname.split("/");
		const text = what === "containerLogs" ? written.get(names.join("/")) : undefined;
		if (text === undefined) response.writeHead(404).end(`${names.at(-1)} is not there`);
		else if (searchParams.get("follow") === "true") response.write(text);
		else response.end(text);
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	onTestFinished(() => {
		server.closeAllConnections();
		server.close();
	});
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
	const { port: Port } = server.address() as AddressInfo;
	await client.create(machines, { apiVersion: "v1", kind: "Node", metadata: { name: machine } });
	const status = {
		addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
		daemonEndpoints: { kubeletEndpoint: { Port } },
	};
	await client.mergePatch(machines, undefined, machine, { status }, { subresource: "status" });
}
