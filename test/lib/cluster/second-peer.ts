import { publishServers } from "../../../deploy/demo/cluster-dns.ts";
import { remoteUser } from "../../../deploy/demo/conversation.ts";
import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import type { Scene } from "../../../deploy/demo/scene.ts";
import { certificate, clusterAddress, makeNamespace, rolledOut } from "../../../deploy/demo/stage.ts";
import { xmppServerObjects, xmppServerServices } from "../../../deploy/demo/xmpp-server.ts";

/** Name of the server's objects. */
export const SECOND_SERVER = "ejabberd";

/** The scene as its second peer sees it: with an ejabberd where its own peer is a Prosody. */
export function secondScene(scene: Scene): Scene {
	const namespace = `${scene.remote.namespace}-2`;
	const domain = `second-${scene.remote.domain}`;
	const remote = { namespace, domain, roomsDomain: `rooms.${domain}`, hostname: `xmpp.${domain}` };
	return { ...scene, remote };
}

/** Starts the second peer of a scene. */
export async function startSecondPeer(kubectl: Kubectl, { remote }: Scene, image: string): Promise<void> {
	const { namespace, domain, roomsDomain, hostname } = remote;
	const identity = { name: SECOND_SERVER, namespace };
	await makeNamespace(kubectl, namespace);
	await kubectl.apply(...xmppServerServices(identity));
	await kubectl.apply(
		...xmppServerObjects({
			...identity,
			image,
			program: "ejabberd",
			domain,
			roomsDomain,
			users: [remoteUser],
			certificate: await certificate(kubectl, namespace, [domain, roomsDomain]),
			encryption: "Required",
		}),
	);
	const address = await clusterAddress(kubectl, namespace, SECOND_SERVER);
	await publishServers(kubectl, namespace, [{ domain, roomsDomain, hostname, address }]);
	await rolledOut(kubectl, namespace, SECOND_SERVER);
}

export async function removeSecondPeer(kubectl: Kubectl, { remote: { namespace } }: Scene): Promise<void> {
	await publishServers(kubectl, namespace, undefined);
	await kubectl.delete("namespace", namespace, undefined, "--wait=false");
}
