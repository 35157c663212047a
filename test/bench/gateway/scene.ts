import { podLayout } from "../../../src/gateway/layout.ts";
import { Authority } from "../../gateway/lib/certificates.ts";
import { Dns } from "../../gateway/lib/dns.ts";
import { GatewayNode, type Role } from "../../gateway/lib/gateway-node.ts";
import { linkFiles, newAuthority } from "../../gateway/lib/link-files.ts";
import { Network } from "../../gateway/lib/network.ts";
import { local, names, nodeIntent, trust } from "../../gateway/lib/world.ts";
import { DebianProsody, type ServerModules } from "./debian-prosody.ts";
import type { Flow } from "./load.ts";

/** Domain of the internal server that peers reach without a gateway. */
const directDomain = "direct.lab";
/** Peers whose traffic takes the gateway, peers whose traffic does not, and peers with nobody on them. */
const zones = { gateway: "near.lab", direct: "far.lab", empty: "empty.lab" } as const;
const numbers = { outsideDns: 2, insideDns: 3, internal: 10, peer: 20, firstNode: 30 } as const;
const serverPort = 5269;

export type Path = "direct" | "gateway";
export type Direction = "in" | "out";

export interface SceneOptions {
	/** Gateway nodes, all Enabled. */
	readonly nodes: number;
	/** Peer domains with a user, for each path. They are on one server; each has streams of its own. */
	readonly peers: number;
	/** Peer domains without users, behind the gateway. */
	readonly emptyPeers: number;
	/** Of both servers. */
	readonly modules: ServerModules;
}

export const peerDomain = (path: Path | "empty", index: number): string => `p${index + 1}.${zones[path]}`;

/**
 * An internal server and a server with the peers' domains, both Prosody with Debian's settings, which reach each other
 * directly as well as through gateway nodes, depending on the domains used.
 */
export class Scene implements AsyncDisposable {
	readonly internal: DebianProsody;
	readonly peer: DebianProsody;
	readonly nodes: readonly GatewayNode[];
	readonly #network: Network;
	readonly #flows = new Map<string, readonly Flow[]>();

	static async start(options: SceneOptions): Promise<Scene> {
		const network = await Network.start();
		try {
			return await build(network, options, (internal, peer, nodes) => new Scene(network, internal, peer, nodes));
		} catch (error) {
			await network[Symbol.asyncDispose]();
			throw error;
		}
	}

	private constructor(network: Network, internal: DebianProsody, peer: DebianProsody, nodes: readonly GatewayNode[]) {
		this.#network = network;
		this.internal = internal;
		this.peer = peer;
		this.nodes = nodes;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		for (const { from, to } of [...this.#flows.values()].flat()) {
			from[Symbol.dispose]();
			to[Symbol.dispose]();
		}
		await this.#network[Symbol.asyncDispose]();
	}

	/** Process ids of a role on all nodes. */
	pids(role: Role): number[] {
		return this.nodes.map((node) => node.program(role).pid);
	}

	/** Flows between the internal server's user and one on each of the first `peers` peer domains. */
	async flows(path: Path, direction: Direction, peers: number): Promise<readonly Flow[]> {
		const key = `${path} ${direction} ${peers}`;
		const known = this.#flows.get(key);
		if (known) return known;
		const inside = await this.internal.login(path === "direct" ? directDomain : local.domain);
		const flows: Flow[] = [];
		for (let index = 0; index < peers; index++) {
			const outside = await this.peer.login(peerDomain(path, index));
			flows.push(direction === "in" ? { from: outside, to: inside } : { from: inside, to: outside });
		}
		this.#flows.set(key, flows);
		return flows;
	}
}

async function build(
	network: Network,
	options: SceneOptions,
	result: (internal: DebianProsody, peer: DebianProsody, nodes: readonly GatewayNode[]) => Scene,
): Promise<Scene> {
	const outsideDns = network.address(numbers.outsideDns);
	const insideDns = network.address(numbers.insideDns);
	const internalAddress = network.address(numbers.internal);
	const peerAddress = network.address(numbers.peer);
	const nodeNumbers = Array.from({ length: options.nodes }, (_, index) => numbers.firstNode + index);
	const each = (path: Path | "empty", count: number) =>
		Array.from({ length: count }, (_, index) => peerDomain(path, index));
	const near = each("gateway", options.peers);
	const far = each("direct", options.peers);
	const empty = each("empty", options.emptyPeers);
	const hosts = [
		`${names.upstream}. A ${internalAddress}`,
		`xmpp.peer.lab. A ${peerAddress}`,
		...nodeNumbers.flatMap((number) => [
			`node-${number}.gateway.lab. A ${network.address(number)}`,
			`${names.links}. A ${network.address(number)}`,
		]),
	];
	const server = (domain: string, target: string, port = serverPort) =>
		`_xmpp-server._tcp.${domain}. SRV 0 1 ${port} ${target}.`;
	const gateways = (domain: string, port: number) =>
		nodeNumbers.map((number) => server(domain, `node-${number}.gateway.lab`, port));
	await Promise.all([
		Dns.start(await network.machine("outside-dns", numbers.outsideDns, outsideDns), [
			...hosts,
			...gateways(local.domain, podLayout.federationPort),
			server(directDomain, names.upstream),
			...[...near, ...far, ...empty].map((domain) => server(domain, "xmpp.peer.lab")),
		]),
		// What the resolver does in a cluster, but for the peers that are reached directly
		Dns.start(await network.machine("inside-dns", numbers.insideDns, insideDns), [
			...hosts,
			...[...near, ...empty].flatMap((domain) => gateways(domain, podLayout.routerPort)),
			...far.map((domain) => server(domain, "xmpp.peer.lab")),
		]),
	]);

	const authority = await Authority.create();
	const links = await linkFiles(await newAuthority());
	const nodes: GatewayNode[] = [];
	for (const [index, number] of nodeNumbers.entries()) {
		const machine = await network.machine(`gw-${index + 1}`, number, outsideDns);
		await trust(machine, authority);
		const certificate = await authority.issue([local.domain, local.rooms]);
		const intent = nodeIntent(`gw-${index + 1}`, "Enabled");
		nodes.push(await GatewayNode.install(machine, network.address(number), intent, certificate, links));
	}
	const internalMachine = await network.machine("internal", numbers.internal, insideDns);
	const peerMachine = await network.machine("peer", numbers.peer, outsideDns);
	for (const machine of [internalMachine, peerMachine]) await trust(machine, authority);
	const [internal, peer] = await Promise.all([
		DebianProsody.start(internalMachine, {
			address: internalAddress,
			domains: [local.domain, directDomain],
			certificate: await authority.issue([local.domain, local.rooms, directDomain]),
			needsCertificates: false,
			modules: options.modules,
		}),
		DebianProsody.start(peerMachine, {
			address: peerAddress,
			domains: [...near, ...far],
			emptyDomains: empty,
			certificate: await authority.issue(Object.values(zones).map((zone) => `*.${zone}`)),
			needsCertificates: true,
			modules: options.modules,
		}),
	]);
	const secrets = { link: "the link secret", dialback: "the dialback secret" };
	await Promise.all(nodes.map((node) => node.start(secrets)));
	await Promise.all(nodes.map((node) => node.waitUntilReady()));
	return result(internal, peer, nodes);
}
