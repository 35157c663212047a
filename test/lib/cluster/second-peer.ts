import { publishServers } from "../../../deploy/demo/cluster-dns.ts";
import { type ClientAddresses, remoteUser } from "../../../deploy/demo/conversation.ts";
import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import type { Scene } from "../../../deploy/demo/scene.ts";
import { certificate, makeNamespace, rolledOut, serviceAddresses } from "../../../deploy/demo/stage.ts";
import { xmppServerObjects, xmppServerServices } from "../../../deploy/demo/xmpp-server.ts";

const server = "ejabberd";

/** The scene as its second peer sees it: with an ejabberd where its own peer is a Prosody. */
export function secondScene(scene: Scene): Scene {
	const namespace = `${scene.remote.namespace}-2`;
	const domain = `second-${scene.remote.domain}`;
	const remote = { namespace, domain, roomsDomain: `rooms.${domain}`, hostname: `xmpp.${domain}` };
	return { ...scene, remote };
}

/** Starts the second peer of a scene. @returns where clients reach it, and the scene's internal server */
export async function startSecondPeer(
	kubectl: Kubectl,
	{ remote }: Scene,
	image: string,
	{ internal }: ClientAddresses,
): Promise<ClientAddresses> {
	const { namespace, domain, roomsDomain, hostname } = remote;
	const identity = { name: server, namespace };
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
	const { inCluster, outside } = await serviceAddresses(kubectl, namespace, server);
	await publishServers(kubectl, namespace, [{ domain, roomsDomain, hostname, address: inCluster }]);
	await rolledOut(kubectl, namespace, server);
	return { internal, remote: outside };
}

export async function removeSecondPeer(kubectl: Kubectl, { remote: { namespace } }: Scene): Promise<void> {
	await publishServers(kubectl, namespace, undefined);
	await kubectl.delete("namespace", namespace, undefined, "--wait=false");
}
