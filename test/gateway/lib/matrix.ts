import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeIntent, PeerSecurityIntent } from "../../../src/model/intent.ts";
import { type Direction, isRefusal, type Outcome, outcomeOf, type Situation } from "../../law/law.ts";
import type { XmppClient } from "../../lib/xmpp/client.ts";
import { Hopeless, waitFor } from "../../lib/xmpp/wait.ts";
import { Authority, type Pem, selfSigned, serverAuthOnly } from "./certificates.ts";
import type { Stream } from "./gateway-node.ts";
import { componentPort, componentSecret, type PeerKind, type PeerTls, peerServers } from "./peer-servers.ts";
import { PlayedDomain } from "./played-domain.ts";
import { World } from "./world.ts";

/** The law, played: what really comes of streams between a gateway and servers of every kind, in both directions. */

export type PeerCertificate = "valid" | "serverAuthOnly" | "selfSigned" | "wrongName" | "expired" | "unknownAuthority";

/** A peer's server. All its domains are the same but for what the gateway demands of each. */
export interface Variant {
	readonly kind: PeerKind;
	readonly tls: PeerTls;
	readonly certificate: PeerCertificate;
	/** Whether it has SASL EXTERNAL. */
	readonly external: boolean;
}

export interface Plan {
	readonly variant: Variant;
	readonly settings: readonly PeerSecurityIntent[];
}

/** -peer: refused by the peer, for what it demands itself. -other: refused, and the reason is none that the law knows. */
export type Found = Outcome | "-peer" | "-other";

export interface Cell {
	readonly variant: Variant;
	readonly settings: PeerSecurityIntent;
	readonly direction: Direction;
	readonly domain: string;
	readonly expected: Found;
}

export interface PlayedCell extends Cell {
	readonly found: Found;
	/** Why it was refused, in the words of the gateway. */
	readonly reason: string;
}

const node = "gw-1";
const firstMachine = 100;
const directory = "/var/lib/xmpp-test";
/** Cells that are played at once; a gateway takes 250 streams of one address that are not authenticated. */
const atOnce = 60;
/** Milliseconds until nothing more is expected of a cell. */
const patience = 20_000;

export const nameOfVariant = ({ kind, tls, certificate, external }: Variant): string =>
	`${kind}, TLS ${tls}, certificate ${certificate}${external ? "" : ", no EXTERNAL"}`;

export const nameOfSettings = ({ mode, peerCertificates, saslExternal, dialback }: PeerSecurityIntent): string =>
	saslExternal
		? `${mode} ${peerCertificates}, SASL in ${saslExternal.incoming} out ${saslExternal.outgoing}, dialback ${dialback.mode}`
		: mode;

/** What the peer does, as the law calls it. */
export function situationOf({ tls, certificate, external }: Variant): Situation {
	if (tls === "none") return "noTls";
	if (tls === "broken") return "tlsFails";
	if (certificate !== "valid" && certificate !== "serverAuthOnly") return "untrusted";
	return external ? "external" : "dialback";
}

export function expectedOf(variant: Variant, settings: PeerSecurityIntent, direction: Direction): Found {
	if (settings.mode === "NoTLS" && variant.tls === "required") return "-peer";
	const situation = situationOf(variant);
	const outcome = (of: Direction) => outcomeOf(settings, of, { incoming: situation, outgoing: situation });
	const own = outcome(direction);
	const isByDialback = own === "tls" || own === "plain";
	// But for ejabberd they ask about our key on a stream of theirs that is authenticated, and on no other.
	if (variant.kind !== "ejabberd" && direction === "outgoing" && isByDialback && isRefusal(outcome("incoming"))) {
		return "-peer";
	}
	return own;
}

/** Plays every setting of every plan in both directions. */
export async function playMatrix(plans: readonly Plan[]): Promise<readonly PlayedCell[]> {
	await using world = await World.start({
		internal: "prosody",
		peers: [],
		users: ["alice"],
		nodes: [{ name: node, federation: "Enabled" }],
	});
	const games = plans.map((plan, number) => gameOf(plan, number));
	await world.publish(
		games.flatMap(({ names }, number) => [
			`xmpp.v${number}.lab. A ${world.network.address(firstMachine + number)}`,
			...names.map((name) => `_xmpp-server._tcp.${name}. SRV 0 0 5269 xmpp.v${number}.lab.`),
		]),
	);
	const unknown = await Authority.create();
	const domains = new Map<string, PlayedDomain>();
	await eachAtOnce(4, [...games.entries()], async ([number, { variant, names }]) => {
		for (const domain of await startPeer(world, unknown, variant, number, names)) domains.set(domain.domain, domain);
	});
	await world.startNodes();
	await using alice = await world.internalUser("alice");
	const played: PlayedCell[] = [];
	for (const { security, cells } of rounds(games)) {
		const peers = Object.fromEntries(cells.map(({ domain, settings }) => [domain, settings]));
		for (const direction of ["outgoing", "incoming"] as const) {
			await restartGateway(world, security ? { security } : { peers });
			const own = cells.filter((cell) => cell.direction === direction);
			played.push(...(await playDirection(world, alice, domains, own)));
		}
	}
	for (const domain of domains.values()) domain[Symbol.dispose]();
	return played;
}

/** A plan with its domains and cells. */
interface Game extends Plan {
	readonly names: readonly string[];
	readonly cells: readonly Cell[];
}

/**
 * jabberd2 does not say who it is when it opens a stream, and uses one stream for all its domains: of a gateway with many
 * settings it gets the strictest. So it has one domain, and each setting of it is the only one that the gateway has.
 */
const isUnnamed = ({ kind }: Variant): boolean => kind === "jabberd2";

function gameOf(plan: Plan, number: number): Game {
	const { variant, settings } = plan;
	const name = (index: number) => `d${isUnnamed(variant) ? 0 : index}.v${number}.lab`;
	return {
		...plan,
		names: [...new Set(settings.map((_, index) => name(index)))],
		cells: settings.flatMap((each, index) =>
			(["outgoing", "incoming"] as const).map((direction) => ({
				variant,
				settings: each,
				direction,
				domain: name(index),
				expected: expectedOf(variant, each, direction),
			})),
		),
	};
}

/** What can be played at once: everything with settings for each peer, then one setting for everybody after the other. */
function rounds(
	games: readonly Game[],
): readonly { readonly security?: PeerSecurityIntent; readonly cells: readonly Cell[] }[] {
	const [unnamed, named] = [true, false].map((wanted) =>
		games.filter(({ variant }) => isUnnamed(variant) === wanted).flatMap(({ cells }) => cells),
	);
	const bySetting = Map.groupBy(unnamed ?? [], ({ settings }) => settings);
	return [
		...(named && named.length > 0 ? [{ cells: named }] : []),
		...[...bySetting].map(([security, cells]) => ({ security, cells })),
	];
}

/** A gateway with these settings, that knows nothing of what failed before. */
async function restartGateway(world: World, settings: Pick<NodeIntent, "security" | "peers">): Promise<void> {
	const gateway = world.node(node);
	const { security: _security, peers: _peers, ...intent } = gateway.intent;
	gateway.intent = { ...intent, ...settings };
	await gateway.mountSettings();
	gateway.program("federation").kill("SIGKILL");
	await gateway.program("federation").exit;
	await gateway.startRole("federation", world.secrets);
	await gateway.waitUntilReady();
	// The federation connection manager knows of a link a moment before the router does, which on a busy machine is long.
	await waitFor(`${node} to have its links`, async () => {
		const { links } = await gateway.status("router");
		return links.every(({ state }) => state === "Up");
	});
}

async function startPeer(
	world: World,
	unknown: Authority,
	variant: Variant,
	number: number,
	names: readonly string[],
): Promise<readonly PlayedDomain[]> {
	const machine = await world.machine(`${variant.kind}-${number}`, firstMachine + number);
	const certificateFile = `${directory}/server.pem`;
	const { tls, external } = variant;
	const server = peerServers[variant.kind]({
		domains: names,
		tls,
		external,
		certificateFile,
		dataDirectory: directory,
	});
	const user = await machine.userId(server.user);
	await machine.makeDirectory(directory, user);
	const pem = await certificates[variant.certificate](`*.v${number}.lab`, world.authority, unknown);
	await machine.write(certificateFile, `${pem.certificate}\n${pem.key}\n`, { mode: 0o400, owner: user });
	for (const [name, text] of Object.entries(server.files))
		await machine.write(`${directory}/${name}`, text, { owner: user });
	await machine.write(`${directory}/start.sh`, server.startScript);
	const program = await machine.run(variant.kind, ["sh", `${directory}/start.sh`, directory], { user });
	const address = world.network.address(firstMachine + number);
	const connect = async (name: string) => await PlayedDomain.connect(address, componentPort, name, componentSecret);
	const [first = "", ...others] = names;
	const connected = await waitFor(
		`${program.name} to take components`,
		async () => {
			if (program.ended) throw new Hopeless(program.tail());
			return await connect(first);
		},
		{ timeout: 60_000, interval: 250 },
	);
	return [connected, ...(await Promise.all(others.map(connect)))];
}

type Issue = (name: string, trusted: Authority, unknown: Authority) => Promise<Pem>;

const certificates: Readonly<Record<PeerCertificate, Issue>> = {
	valid: async (name, trusted) => await trusted.issue([name]),
	serverAuthOnly: async (name, trusted) => await trusted.issue([name], { usages: serverAuthOnly }),
	selfSigned: async (name) => await selfSigned([name]),
	wrongName: async (_name, trusted) => await trusted.issue(["*.other.lab"]),
	expired: async (name, trusted) => await trusted.issue([name], { notAfter: new Date(Date.now() - 3_600_000) }),
	unknownAuthority: async (name, _trusted, unknown) => await unknown.issue([name]),
};

/** What came of a message: it arrived, or nothing did, with the words of an error that came back. */
type Crossing = { readonly arrived: true } | { readonly arrived: false; readonly text: string };

async function playDirection(
	world: World,
	alice: XmppClient,
	domains: ReadonlyMap<string, PlayedDomain>,
	cells: readonly Cell[],
): Promise<readonly PlayedCell[]> {
	const answers = new Map<string, Crossing>();
	const stop = alice.observe((stanza) => {
		if (!stanza.is("message") || stanza.attrs.id === undefined) return;
		const text = stanza.getChild("error")?.getChildText("text") ?? "";
		answers.set(stanza.attrs.id, stanza.attrs.type === "error" ? { arrived: false, text } : { arrived: true });
	});
	const crossings = new Map<Cell, Crossing>();
	await eachAtOnce(atOnce, cells, async (cell) => {
		const domain = domains.get(cell.domain);
		if (!domain) throw new Error(`nobody plays ${cell.domain}`);
		const sent = cell.direction === "outgoing" ? sendOut(alice, domain, answers) : sendIn(alice, domain, answers, cell);
		crossings.set(cell, await sent);
	});
	stop();
	const { streams, failures } = await world.node(node).status("federation");
	return cells.map((cell) => {
		const came = crossings.get(cell);
		if (!came) throw new Error(`${cell.domain} was not played`);
		const stream = streams.find(
			({ peer, direction, state }) => peer === cell.domain && direction === cell.direction && state === "Authenticated",
		);
		const told = failures.find(({ peer, direction }) => peer === cell.domain && direction === cell.direction);
		const reason = came.arrived ? "" : (told?.detail ?? told?.cause ?? came.text);
		const found = came.arrived ? identification(stream) : refusal(reason, cell);
		return { ...cell, found, reason };
	});
}

async function sendOut(
	alice: XmppClient,
	domain: PlayedDomain,
	answers: ReadonlyMap<string, Crossing>,
): Promise<Crossing> {
	const id = await alice.sendMessage(domain.user, "hello");
	return await crossing(`a message to ${domain.domain}`, () =>
		domain.seen(id) === "message" ? { arrived: true } : answers.get(id),
	);
}

/** Servers do not try again by themselves where TLS failed: their users do. */
async function sendIn(
	alice: XmppClient,
	domain: PlayedDomain,
	answers: ReadonlyMap<string, Crossing>,
	{ variant }: Cell,
): Promise<Crossing> {
	const tries = variant.tls === "broken" ? 3 : 1;
	const ids: string[] = [];
	const isThere = () => ids.some((id) => answers.get(id)?.arrived);
	for (;;) {
		const id = randomUUID();
		ids.push(id);
		domain.send(alice.fullJid, id);
		const found = await crossing(
			`a message from ${domain.domain}`,
			() => {
				if (isThere()) return { arrived: true };
				return domain.seen(id) === "error" ? { arrived: false, text: domain.errorText(id) } : undefined;
			},
			patience / tries,
		);
		if (found.arrived || ids.length === tries) return found;
		// ejabberd bounces at once what comes in the second after a failure.
		await sleep(2_000);
	}
}

async function crossing(what: string, look: () => Crossing | undefined, timeout = patience): Promise<Crossing> {
	return await waitFor(what, look, { timeout, interval: 200 }).catch(
		(error: unknown): Crossing => ({ arrived: false, text: String(error) }),
	);
}

function identification(stream: Stream | undefined): Found {
	if (stream?.authentication === "SASL EXTERNAL") return stream.tls ? "EXTERNAL" : "-other";
	if (stream?.authentication === "dialback in TLS") return stream.tls ? "tls" : "-other";
	if (stream?.authentication === "dialback") return stream.tls ? "-other" : "plain";
	return "-other";
}

/** What the law calls the reason that the gateway has, or that the peer gave it. */
function refusal(reason: string, { expected, variant }: Cell): Found {
	const own = reason.replace(/^.* cannot be asked whether this stream is its own: /, "");
	if (own.startsWith("a certificate that verifies is required")) return "-cert";
	if (/^SASL EXTERNAL|^dialback is disabled/.test(own)) return "-SASL";
	if (/^TLS is required|negotiation of encrypted connection|TLS negotiation failed/.test(own)) return "-TLS";
	// ejabberd, of what the gateway requires of it.
	if (own.includes("STARTTLS is disabled in local configuration")) return "-TLS";
	// What a server says that has no version of TLS to begin with comes before TLS.
	if (variant.tls === "broken" && own === "not-well-formed") return "-TLS";
	return expected === "-peer" ? "-peer" : "-other";
}

async function eachAtOnce<T>(count: number, list: readonly T[], work: (entry: T) => Promise<void>): Promise<void> {
	const rest = list.values();
	const worker = async () => {
		for (const entry of rest) await work(entry);
	};
	await Promise.all(Array.from({ length: count }, worker));
}
