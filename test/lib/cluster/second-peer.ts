import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import type { Scene } from "../../../deploy/demo/scene.ts";
import { removePeer, startPeer } from "./peer.ts";

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
	await startPeer(kubectl, { ...remote, name: SECOND_SERVER, program: "ejabberd" }, image);
}

export async function removeSecondPeer(kubectl: Kubectl, { remote }: Scene): Promise<void> {
	await removePeer(kubectl, remote);
}
