import type { Kubectl, KubernetesObject } from "./kubectl.ts";
import type { Scene } from "./scene.ts";
import { SERVER_PORT } from "./xmpp-server.ts";

/** Seconds that answers may be kept. Short: addresses change when a scene is made anew. */
const TTL = 5;

interface ConfigMap extends KubernetesObject {
	readonly data: Readonly<Record<string, string>>;
}

/** Addresses behind the host names of a scene. */
export interface SceneAddresses {
	readonly internal: string;
	readonly remote: string;
}

/** A domain with its rooms, and where its server is. */
export interface PublishedServer {
	readonly domain: string;
	/** Absent where the domain is one of rooms itself. */
	readonly roomsDomain?: string;
	/** Name that SRV records point to. */
	readonly hostname: string;
	readonly address: string;
	/** 5269 if absent. */
	readonly port?: number;
}

/**
 * The server block of the cluster's CoreDNS that plays the public DNS of servers: SRV records of every domain
 * (RFC 6120 section 3.2.1) and the addresses of their targets; nothing else is at these names. Pure.
 */
export function serversBlock(servers: readonly PublishedServer[]): string {
	const zones = servers.map(({ domain }) => domain);
	return [
		`${zones.map((zone) => `${zone}:53`).join(" ")} {`,
		"    errors",
		...servers.flatMap(({ domain, roomsDomain, hostname, address, port = SERVER_PORT }) => [
			...(roomsDomain === undefined ? [domain] : [domain, roomsDomain]).flatMap((name) =>
				answer("SRV", `_xmpp-server._tcp.${name}`, `0 0 ${port} ${hostname}.`),
			),
			...answer("A", hostname, address),
		]),
		`    template IN ANY ${zones.join(" ")} {`,
		"        rcode NOERROR",
		`        authority "{{ .Zone }} ${TTL} IN SOA ns.{{ .Zone }} none.{{ .Zone }} 1 3600 600 86400 ${TTL}"`,
		"    }",
		"}",
	].join("\n");
}

function answer(type: string, name: string, value: string): string[] {
	return [`    template IN ${type} ${name} {`, `        answer "{{ .Name }} ${TTL} IN ${type} ${value}"`, "    }"];
}

/** A Corefile with the block of that name set, or without it. What others wrote stays as it is. Pure. */
export function withBlock(corefile: string, name: string, block: string | undefined): string {
	const [begin, end] = [`# begin xmppfed scene ${name}\n`, `# end xmppfed scene ${name}\n`];
	const start = corefile.indexOf(begin);
	const stop = corefile.indexOf(end);
	const others = start < 0 || stop < start ? corefile : corefile.slice(0, start) + corefile.slice(stop + end.length);
	if (block === undefined) return others;
	return `${others.endsWith("\n") ? others : `${others}\n`}${begin}${block}\n${end}`;
}

/** Publishes the records of a scene, or with no addresses takes them back. True where that was a change. */
export async function publishRecords(
	kubectl: Kubectl,
	{ internal, remote }: Scene,
	addresses: SceneAddresses | undefined,
): Promise<boolean> {
	const servers = addresses && [
		{ ...internal, address: addresses.internal },
		{ ...remote, address: addresses.remote },
	];
	return await publishServers(kubectl, internal.namespace, servers);
}

/** Publishes the records of servers under a name, or without servers takes them back. True where that was a change. */
export async function publishServers(
	kubectl: Kubectl,
	name: string,
	servers: readonly PublishedServer[] | undefined,
): Promise<boolean> {
	return await editCorefile(kubectl, (before) => withBlock(before, name, servers && serversBlock(servers)));
}

/** Changes the configuration of the cluster's CoreDNS. True where that was a change. */
export async function editCorefile(kubectl: Kubectl, edit: (corefile: string) => string): Promise<boolean> {
	const before = (await kubectl.find<ConfigMap>("configmap", "coredns", "kube-system"))?.data["Corefile"];
	if (before === undefined) {
		throw new Error(
			"the cluster has no ConfigMap kube-system/coredns: its DNS is not the CoreDNS that kubeadm installs",
		);
	}
	const after = edit(before);
	if (after === before) return false;
	await kubectl.patch("configmap", "coredns", "kube-system", { data: { Corefile: after } });
	// CoreDNS would see it by itself, but only after a minute or two.
	await kubectl.run(["rollout", "restart", "deployment/coredns", "-n", "kube-system"]);
	await kubectl.run(["rollout", "status", "deployment/coredns", "-n", "kube-system", "--timeout=120s"]);
	return true;
}
