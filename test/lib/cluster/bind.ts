import { fileURLToPath } from "node:url";
import { editCorefile, withBlock } from "../../../deploy/demo/cluster-dns.ts";
import { provideImage } from "../../../deploy/demo/images.ts";
import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import type { Scene } from "../../../deploy/demo/scene.ts";
import { loadBalancerAddress, makeNamespace, rolledOut } from "../../../deploy/demo/stage.ts";
import { ensurePackages } from "../../../deploy/lib/packages.ts";
import { containerSecurityContext } from "../../../src/objects/pod-security.ts";
import { bindFiles, newKey, zoneAt, zonePackages } from "../bind.ts";

const image = {
	name: "localhost/xmppfed-test-bind",
	context: fileURLToPath(new URL("bind-image", import.meta.url)),
};
const name = "bind";
/** Its user may not listen at 53. */
const containerPort = 5353;
const configuration = "/etc/zone";
const data = "/var/lib/zone";

/**
 * A real name server (BIND) with one empty zone that takes dynamic updates, in a namespace of its own. It is a pod behind
 * an address of the load balancer: the one place that the operator, external-dns, the cluster's DNS and this machine all
 * reach under the same address with any engine that runs the nodes, as they reach DNS servers outside a cluster.
 */
export async function installBind(kubectl: Kubectl, namespace: string, zone: string) {
	await ensurePackages(zonePackages);
	const key = newKey();
	const files = bindFiles({ zone, key, addresses: "any", port: containerPort, directory: data });
	await makeNamespace(kubectl, namespace);
	const tag = await provideImage(image, kubectl.cluster, kubectl.signal);
	await kubectl.apply(...bindObjects(namespace, tag, files));
	await rolledOut(kubectl, namespace, name);
	const [host, port] = [await loadBalancerAddress(kubectl, namespace, name), 53];
	return { host, port, key, zone, ...zoneAt({ host, port }, zone, key) };
}

function bindObjects(namespace: string, tag: string, files: ReturnType<typeof bindFiles>) {
	const labels = { "app.kubernetes.io/name": name };
	const metadata = { name, namespace, labels };
	// The server writes the zone: it has a copy, which stays when the container starts again.
	const start = `cp --no-clobber ${configuration}/zone ${data}/ && exec named -f -c ${configuration}/named.conf`;
	return [
		{ apiVersion: "v1", kind: "Secret", metadata, stringData: files },
		{
			apiVersion: "v1",
			kind: "Service",
			metadata,
			spec: {
				type: "LoadBalancer",
				selector: labels,
				ports: ["UDP", "TCP"].map((protocol) => ({
					name: protocol.toLowerCase(),
					protocol,
					port: 53,
					targetPort: containerPort,
				})),
			},
		},
		{
			apiVersion: "apps/v1",
			kind: "Deployment",
			metadata,
			spec: {
				replicas: 1,
				strategy: { type: "Recreate" },
				selector: { matchLabels: labels },
				template: {
					metadata: { labels },
					spec: {
						automountServiceAccountToken: false,
						securityContext: { runAsNonRoot: true, fsGroup: 10_003, seccompProfile: { type: "RuntimeDefault" } },
						containers: [
							{
								name,
								image: tag,
								command: ["sh", "-c", start],
								readinessProbe: { tcpSocket: { port: containerPort }, periodSeconds: 1 },
								securityContext: containerSecurityContext(),
								volumeMounts: [
									{ name: "configuration", mountPath: configuration, readOnly: true },
									{ name: "data", mountPath: data },
								],
							},
						],
						volumes: [
							{ name: "configuration", secret: { secretName: name } },
							{ name: "data", emptyDir: {} },
						],
					},
				},
			},
		},
	];
}

/** Lets the cluster's DNS ask a server for a zone, in place of what a scene has published there. */
export async function delegateZone(
	kubectl: Kubectl,
	{ internal }: Scene,
	{ host, zone }: { readonly host: string; readonly zone: string },
): Promise<void> {
	const block = `${zone}:53 {\n    errors\n    forward . ${host}\n}`;
	await editCorefile(kubectl, (before) => withBlock(before, internal.namespace, block));
}
