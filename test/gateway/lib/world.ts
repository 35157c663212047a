import { podLayout } from "../../../src/gateway/layout.ts";
import { resolverConfiguration } from "../../../src/gateway/resolver.ts";
import type { NodeIntent } from "../../../src/model/intent.ts";
import { defaultSecurity } from "../../../src/model/peer-security.ts";
import type { Account } from "../../lib/xmpp/account.ts";
import { XmppClient } from "../../lib/xmpp/client.ts";
import { ejabberd } from "../../lib/xmpp/ejabberd.ts";
import { prosody } from "../../lib/xmpp/prosody.ts";
import type { ServerOptions } from "../../lib/xmpp/server.ts";
import { Hopeless, waitFor } from "../../lib/xmpp/wait.ts";
import { Authority, type Pem, selfSigned } from "./certificates.ts";
import { Dns, startCoreDns } from "./dns.ts";
import { GatewayNode, type Secrets } from "./gateway-node.ts";
import { type LinkFiles, linkFiles, linkName, newAuthority } from "./link-files.ts";
import type { Machine } from "./machine.ts";
import { Network } from "./network.ts";
import type { Program } from "./program.ts";

export const serverKinds = { prosody, ejabberd } as const;
export type ServerKind = keyof typeof serverKinds;

/** The local domain, served by the internal server behind the gateway, and its rooms as a second local domain. */
export const local = { domain: "example.lab", rooms: "conference.example.lab" } as const;
/** Peers on the internet. The certificate of the first is trusted, that of the second is not. */
export const peers = {
	prosody: { domain: "prosody.lab", rooms: "rooms.prosody.lab", trusted: true },
	ejabberd: { domain: "ejabberd.lab", rooms: "rooms.ejabberd.lab", trusted: false },
} as const;

const numbers = {
	dns: 2,
	resolver: 3,
	internal: 10,
	firstChatNode: 11,
	prosody: 20,
	ejabberd: 21,
	firstNode: 30,
} as const;
/** Names that nodes know: of the internal server, of the links, and of the routers. */
export const names = {
	upstream: "xmpp.internal.lab",
	links: "links.gateway.lab",
	router: "router.gateway.lab",
} as const;
const clientPort = 5222;
const serverDirectory = "/var/lib/xmpp-test";
export const password = "secret";

export interface ChatNode {
	/** In lower case. */
	readonly alias: string;
	/** Name of its node. */
	readonly node: string;
}

export interface WorldOptions {
	readonly internal: ServerKind;
	readonly peers: readonly ServerKind[];
	/** Users of every server. */
	readonly users: readonly string[];
	readonly nodes: readonly { readonly name: string; readonly federation: "Enabled" | "Disabled" }[];
	/** Chat nodes: servers with rooms of their own inside, known by an alias that a node serves. */
	readonly chatNodes?: readonly ChatNode[];
	/** What links are secured with at first; made where absent. */
	readonly linkFiles?: LinkFiles;
	/** See ServerOptions; of Prosodys that are peers. */
	readonly closesStreamsEvery?: number;
}

/** What servers of a world differ in. */
type OwnOptions = Pick<ServerOptions, "domain" | "roomsDomain" | "encryption" | "closesStreamsEvery">;

/** A gateway with its internal server, its resolver and its peers, in a network of its own. */
export class World implements AsyncDisposable {
	readonly secrets: Secrets = { link: "the link secret", dialback: "the dialback secret" };
	readonly nodes: readonly GatewayNode[];
	/** What the links of all nodes are secured with at first. */
	readonly linkFiles: LinkFiles;
	/** The authority that every machine trusts. */
	readonly authority: Authority;
	/** Names of the nodes whose address the links name has; at first the Enabled ones. */
	linked: readonly string[];
	/** Names of the nodes that peers are told of; at first the Enabled ones. */
	published: readonly string[];
	/** Names of the nodes whose routers the internal server is told of; at first all. */
	routers: readonly string[];
	readonly network: Network;
	readonly dns: Dns;
	readonly #options: WorldOptions;
	readonly #servers = new Map<"internal" | ServerKind, Program>();
	readonly #starts = new Map<"internal" | ServerKind, () => Promise<Program>>();

	/** Everything is started, the nodes are not. */
	static async start(options: WorldOptions): Promise<World> {
		const network = await Network.start();
		try {
			const dns = network.address(numbers.dns);
			const dnsServer = await Dns.start(await network.machine("dns", numbers.dns, dns), []);
			const authority = await Authority.create();
			const chatNodes = options.chatNodes ?? [];
			const aliases = chatNodes.map(({ alias }) => alias);
			const certificate = await authority.issue([local.domain, local.rooms, ...aliases]);
			const link = options.linkFiles ?? (await linkFiles(await newAuthority()));
			const nodes: GatewayNode[] = [];
			for (const [index, { name, federation }] of options.nodes.entries()) {
				const number = numbers.firstNode + index;
				const machine = await network.machine(name, number, dns);
				await trust(machine, authority);
				const intent = { ...nodeIntent(name, federation), ...aliasesAt(name, chatNodes) };
				nodes.push(await GatewayNode.install(machine, network.address(number), intent, certificate, link));
			}
			const world = new World(network, dnsServer, nodes, link, authority, options);
			await world.publish();
			await world.#startResolver(await network.machine("resolver", numbers.resolver, dns));
			const servers = [
				world.#startServer("internal", options.internal, certificate, authority),
				...chatNodes.map(async (_, index) => {
					await world.#startChatNode(index, certificate, authority);
				}),
				...options.peers.map(async (kind) => {
					const { domain, rooms, trusted } = peers[kind];
					const pem = trusted ? await authority.issue([domain, rooms]) : await selfSigned([domain, rooms]);
					await world.#startServer(kind, kind, pem, authority);
				}),
			];
			await Promise.all(servers);
			return world;
		} catch (error) {
			await network[Symbol.asyncDispose]();
			throw error;
		}
	}

	private constructor(
		network: Network,
		dns: Dns,
		nodes: readonly GatewayNode[],
		link: LinkFiles,
		authority: Authority,
		options: WorldOptions,
	) {
		this.network = network;
		this.dns = dns;
		this.nodes = nodes;
		this.linkFiles = link;
		this.authority = authority;
		this.#options = options;
		this.routers = nodes.map(({ intent }) => intent.name);
		this.linked = nodes.filter(({ intent }) => intent.federation === "Enabled").map(({ intent }) => intent.name);
		this.published = this.linked;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.network[Symbol.asyncDispose]();
	}

	/** Starts the nodes and waits until they are ready. */
	async startNodes(): Promise<void> {
		await Promise.all(this.nodes.map((node) => node.start(this.secrets)));
		await Promise.all(this.nodes.map((node) => node.waitUntilReady()));
	}

	/** Cuts a node off from everything, or connects it again. */
	async setConnected(node: GatewayNode, connected: boolean): Promise<void> {
		await this.network.setConnected(numbers.firstNode + this.nodes.indexOf(node), connected);
	}

	/** A machine for something of the test, which looks names up as peers do. `number` is from 100 to 254. */
	async machine(name: string, number: number): Promise<Machine> {
		const machine = await this.network.machine(name, number, this.network.address(numbers.dns));
		await trust(machine, this.authority);
		return machine;
	}

	/** Where a server takes streams of other servers. */
	addressOf(role: "internal" | ServerKind): { host: string; port: number } {
		return { host: this.network.address(numbers[role]), port: 5269 };
	}

	/** The internal server. */
	get internal(): Program {
		return this.server("internal");
	}

	/** The internal server, or a peer. */
	server(role: "internal" | ServerKind): Program {
		const program = this.#servers.get(role);
		if (!program) throw new Error(`the server ${role} was not started`);
		return program;
	}

	node(name: string): GatewayNode {
		const node = this.nodes.find(({ intent }) => intent.name === name);
		if (!node) throw new Error(`there is no node ${name}`);
		return node;
	}

	/** Kills a server. */
	async stopServer(role: "internal" | ServerKind): Promise<void> {
		const program = this.server(role);
		program.kill("SIGKILL");
		await program.exit;
	}

	/** Starts a server again that has ended. */
	async startServer(role: "internal" | ServerKind): Promise<void> {
		const start = this.#starts.get(role);
		if (!start) throw new Error(`the server ${role} was not started`);
		this.#servers.set(role, await start());
	}

	/** Logs a user of the internal server in. */
	async internalUser(user: string): Promise<XmppClient> {
		return await XmppClient.login(this.#account(user, local.domain, numbers.internal));
	}

	/** Logs a user of a peer in. */
	async peerUser(kind: ServerKind, user: string): Promise<XmppClient> {
		return await XmppClient.login(this.#account(user, peers[kind].domain, numbers[kind]));
	}

	/**
	 * Publishes the DNS records of peers, and of nodes as `linked`, `published` and `routers` say. A name that `records` has
	 * has those alone.
	 */
	async publish(records: readonly string[] = []): Promise<void> {
		const server = (domain: string, target: string) => `_xmpp-server._tcp.${domain}. SRV 0 0 5269 ${target}.`;
		const address = (name: string, number: number) => `${name}. A ${this.network.address(number)}`;
		const addresses = (name: string, nodes: readonly string[]) =>
			nodes.map((node) => `${name}. A ${this.node(node).address}`);
		const owner = (record: string) => record.split(" ", 1)[0];
		const given = new Set(records.map(owner));
		const others = [
			address(names.upstream, numbers.internal),
			...this.#chatNodes.flatMap(({ alias }, index) => [
				address(chatNodeName(index), numbers.firstChatNode + index),
				server(alias, `gateway.${local.domain}`),
			]),
			...addresses(names.links, this.linked),
			...addresses(names.router, this.routers),
			server(local.domain, `gateway.${local.domain}`),
			server(local.rooms, `gateway.${local.domain}`),
			...addresses(`gateway.${local.domain}`, this.published),
			...this.#options.peers.flatMap((kind) => [
				server(peers[kind].domain, `xmpp.${peers[kind].domain}`),
				server(peers[kind].rooms, `xmpp.${peers[kind].domain}`),
				address(`xmpp.${peers[kind].domain}`, numbers[kind]),
			]),
		];
		await this.dns.publish([...records, ...others.filter((record) => !given.has(owner(record)))]);
	}

	#account(user: string, domain: string, number: number): Account {
		return { user, domain, password, host: this.network.address(number), port: clientPort };
	}

	async #startResolver(machine: Machine): Promise<void> {
		const upstream = { host: names.upstream, port: 5269 };
		const corefile = resolverConfiguration({
			image: "",
			router: { host: names.router, port: podLayout.routerPort },
			local: [
				...[local.domain, local.rooms].map((domain) => ({ domain, upstream })),
				...this.#chatNodes.map(({ alias }, index) => ({
					domain: alias,
					upstream: { host: chatNodeName(index), port: 5269 },
				})),
			],
		});
		// In a cluster the resolver's Service maps port 53; here the resolver has it itself.
		await startCoreDns(machine, "resolver", corefile.replace(".:5353 {", ".:53 {"));
	}

	async #startServer(
		role: "internal" | ServerKind,
		kind: ServerKind,
		pem: Pem,
		authority: Authority,
	): Promise<Program> {
		const internal = role === "internal";
		const nameserver = this.network.address(internal ? numbers.resolver : numbers.dns);
		const machine = await this.network.machine(`${role}-${kind}`, numbers[role], nameserver);
		const { domain, rooms } = internal ? local : peers[role];
		const own: OwnOptions = internal
			? { domain, roomsDomain: rooms, encryption: "Optional" }
			: { domain, roomsDomain: rooms, encryption: "Required", closesStreamsEvery: this.#options.closesStreamsEvery };
		const start = await this.#install(machine, kind, own, pem, authority);
		const running = await start();
		this.#servers.set(role, running);
		this.#starts.set(role, start);
		await this.waitForServer(role, running);
		return running;
	}

	/** A server that has the rooms of an alias, and users whom nobody uses: what waits for it logs one in. */
	async #startChatNode(index: number, pem: Pem, authority: Authority): Promise<void> {
		const number = numbers.firstChatNode + index;
		const { alias } = this.#chatNodes[index] ?? { alias: "" };
		const machine = await this.network.machine(`chat-${index + 1}`, number, this.network.address(numbers.resolver));
		const own: OwnOptions = { domain: chatNodeName(index), roomsDomain: alias, encryption: "Optional" };
		const start = await this.#install(machine, "prosody", own, pem, authority);
		await this.#waitForUsers(await start(), own.domain, number);
	}

	get #chatNodes(): readonly ChatNode[] {
		return this.#options.chatNodes ?? [];
	}

	/** Gives what starts the server. */
	async #install(
		machine: Machine,
		kind: ServerKind,
		own: OwnOptions,
		pem: Pem,
		authority: Authority,
	): Promise<() => Promise<Program>> {
		await trust(machine, authority);
		const certificateFile = `${serverDirectory}/server.pem`;
		const options: ServerOptions = {
			...own,
			users: this.#options.users.map((name) => ({ name, password })),
			certificateFile,
			dataDirectory: serverDirectory,
			clientPort,
			serverPort: 5269,
		};
		const program = serverKinds[kind](options);
		const user = await machine.userId(program.user);
		await machine.makeDirectory(serverDirectory, user);
		await machine.write(certificateFile, `${pem.certificate}\n${pem.key}\n`, { mode: 0o400, owner: user });
		for (const [name, text] of Object.entries(program.files)) {
			await machine.write(`${serverDirectory}/${name}`, text, { owner: user });
		}
		await machine.write(`${serverDirectory}/start.sh`, program.startScript);
		return async () => await machine.run(kind, ["sh", `${serverDirectory}/start.sh`, serverDirectory], { user });
	}

	/** Waits until a server serves its users. */
	async waitForServer(role: "internal" | ServerKind, running = this.server(role)): Promise<void> {
		const { domain } = role === "internal" ? local : peers[role];
		await this.#waitForUsers(running, domain, numbers[role]);
	}

	async #waitForUsers(running: Program, domain: string, number: number): Promise<void> {
		await waitFor(
			`${running.name} to serve its users`,
			async () => {
				if (running.ended) throw new Hopeless(running.tail());
				const last = this.#options.users.at(-1) ?? "";
				await using client = await XmppClient.login(this.#account(last, domain, number));
				return client.jid;
			},
			{ timeout: 60_000, interval: 250 },
		);
	}
}

/** The name that routers know a chat node's server by. */
function chatNodeName(index: number): string {
	return `chat-${index + 1}.internal.lab`;
}

/** What a node's intent says of the chat nodes. */
export function aliasesAt(node: string, chatNodes: readonly ChatNode[]): Pick<NodeIntent, "aliases"> {
	if (chatNodes.length === 0) return {};
	const aliases = chatNodes.map(({ alias, node: home }, index) => [
		alias,
		{ upstream: { host: chatNodeName(index), port: 5269 }, here: home === node },
	]);
	return { aliases: Object.fromEntries(aliases) };
}

export function nodeIntent(name: string, federation: "Enabled" | "Disabled"): NodeIntent {
	return {
		namespace: "test",
		federationName: "federation",
		name,
		federation,
		published: federation === "Enabled",
		// In no file: only what decides about restarts.
		enabledNodes: [],
		domains: [local.domain, local.rooms],
		upstream: { host: names.upstream, port: 5269 },
		links: { host: names.links, port: podLayout.linkPort, tlsName: linkName },
		image: "",
		placement: {},
		secrets: { certificate: "", dialback: "", link: "" },
		// One peer has a certificate that nobody trusts.
		security: { ...defaultSecurity({}), peerCertificates: "Opportunistic" },
	};
}

/** Adds the tests' authority to the system's root certificates, as a file and in the directory. */
export async function trust(machine: Machine, authority: Authority): Promise<void> {
	await machine.write("/etc/ssl/certs/test.pem", `${authority.certificate}\n`);
	const link = "ln -s test.pem /etc/ssl/certs/$(openssl x509 -hash -noout -in /etc/ssl/certs/test.pem).0";
	await machine.exec(["sh", "-c", `cat /etc/ssl/certs/test.pem >>/etc/ssl/certs/ca-certificates.crt && ${link}`]);
}
