import type { Couple } from "../../../deploy/demo/conversation.ts";
import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import { federationAddress, rolledOut } from "../../../deploy/demo/stage.ts";
import { xmppServerObjects, xmppServerServices } from "../../../deploy/demo/xmpp-server.ts";
import { makeSelfSignedCertificate } from "../../../src/controller/self-signed-certificate.ts";
import type { FederationName } from "./federation.ts";

/** The server of an alias's rooms. */
export interface RoomsServer {
	/** Name of its objects, and of the domain that it has besides. */
	readonly name: string;
	readonly alias: string;
	readonly image: string;
}

/** Starts a Prosody beside a federation that has the rooms of an alias and nothing else. */
export async function startRooms(
	kubectl: Kubectl,
	{ namespace, name: federation }: FederationName,
	{ name, alias, image }: RoomsServer,
): Promise<void> {
	const server = { name, namespace };
	const domain = `${name}.lab`;
	const { certificate, key } = await makeSelfSignedCertificate([domain, alias], new Date());
	await kubectl.apply(
		...xmppServerServices(server),
		...xmppServerObjects({
			...server,
			image,
			program: "prosody",
			domain,
			roomsDomain: alias,
			users: [],
			certificate: [certificate, key].map((part) => Buffer.from(part, "base64").toString("utf8")).join(""),
			encryption: "Optional",
			dnsServer: await federationAddress(kubectl, namespace, federation, "Resolver"),
		}),
	);
	await rolledOut(kubectl, namespace, name);
}

/** Users of both sides join a room of an alias and talk. */
export async function meet({ internal, remote }: Couple, alias: string, topic: string): Promise<void> {
	const room = `${topic}@${alias}`;
	await internal.joinRoom(room, "alice");
	await remote.joinRoom(room, "bob");
	for (const [from, to, body] of [
		[remote, internal, `${topic} from outside`],
		[internal, remote, `${topic} from inside`],
	] as const) {
		await from.sendGroupchat(room, body);
		await to.receiveGroupchat(room, body);
	}
}
