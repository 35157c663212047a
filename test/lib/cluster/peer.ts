import { publishServers } from "../../../deploy/demo/cluster-dns.ts";
import { remoteUser } from "../../../deploy/demo/conversation.ts";
import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import { certificate, clusterAddress, makeNamespace, rolledOut } from "../../../deploy/demo/stage.ts";
import { type XmppServer, xmppServerObjects, xmppServerServices } from "../../../deploy/demo/xmpp-server.ts";

/** A server of somebody else, with a namespace of its own and `remoteUser` at each of its domains. */
export type Peer = Pick<XmppServer, "name" | "namespace" | "program" | "domain" | "moreDomains" | "roomsDomain">;

export async function startPeer(kubectl: Kubectl, peer: Peer, image: string): Promise<void> {
	const { name, namespace, domain, moreDomains = [], roomsDomain } = peer;
	await makeNamespace(kubectl, namespace);
	await kubectl.apply(...xmppServerServices(peer));
	await kubectl.apply(
		...xmppServerObjects({
			...peer,
			image,
			users: [remoteUser],
			certificate: await certificate(kubectl, namespace, [domain, roomsDomain, ...moreDomains]),
			encryption: "Required",
		}),
	);
	const address = await clusterAddress(kubectl, namespace, name);
	const published = [{ domain, roomsDomain }, ...moreDomains.map((each) => ({ domain: each }))];
	await publishServers(
		kubectl,
		namespace,
		published.map((each) => ({ ...each, hostname: `xmpp.${each.domain}`, address })),
	);
	await rolledOut(kubectl, namespace, name);
}

export async function removePeer(kubectl: Kubectl, { namespace }: Pick<Peer, "namespace">): Promise<void> {
	await publishServers(kubectl, namespace, undefined);
	await kubectl.delete("namespace", namespace, undefined, "--wait=false");
}
