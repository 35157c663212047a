import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import { certificate, makeNamespace, rolledOut } from "../../../deploy/demo/stage.ts";
import { xmppServerObjects, xmppServerServices } from "../../../deploy/demo/xmpp-server.ts";

const namespace = "upstream";
const server = { name: "xmpp", namespace } as const;

/** Two names of one XMPP server, for federations that no message goes through. */
export const upstreams = {
	usual: { host: `xmpp.${namespace}.svc` },
	other: { host: `other.${namespace}.svc` },
} as const;

/** Names of the federations that stand alone: it serves a domain for each, without which they are not ready. */
const standAloneNames = [
	"after-the-leader",
	"conflict",
	"conflict-2",
	"diagnose",
	"faulty",
	"missing-secret",
	"no-upstream",
	"other",
	"outside",
	"refused",
	"renewed",
	"rights",
	"unharmed",
	"with-operator",
	"without-operator",
	"wrong-secret",
] as const;
export type StandAloneName = (typeof standAloneNames)[number];

export function standAloneDomain(name: StandAloneName): string {
	return `${name}.lab`;
}

/** Starts it, once for all tests of a cluster. */
export async function installUpstream(kubectl: Kubectl, image: string): Promise<void> {
	const [domain, roomsDomain] = ["upstream.lab", "rooms.upstream.lab"];
	await makeNamespace(kubectl, namespace);
	const moreDomains = standAloneNames.map(standAloneDomain);
	const pem = await certificate(kubectl, namespace, [domain, roomsDomain, ...moreDomains]);
	const [service] = xmppServerServices(server);
	if (!service) throw new Error("the server has no Service for other servers");
	await kubectl.apply(
		service,
		{ ...service, metadata: { ...service.metadata, name: "other" } },
		...xmppServerObjects({
			...server,
			image,
			program: "prosody",
			domain,
			moreDomains,
			roomsDomain,
			users: [],
			certificate: pem,
			encryption: "Optional",
		}),
	);
	await rolledOut(kubectl, namespace, server.name);
}
