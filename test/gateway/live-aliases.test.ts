import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { liveAliasesDigest, liveSettings, revisionedSettings, revisionFile } from "../../src/gateway/settings.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { GatewayNode } from "./lib/gateway-node.ts";
import { RawStream } from "./lib/raw-stream.ts";
import { aliasesAt, type ChatNode, World } from "./lib/world.ts";

const nested = "conference-2.standalonecluster.example.lab";
const outside = "rooms.elsewhere.lab";
/** Their servers run all the time; what the federation knows of them comes and goes. */
const chatNodes: readonly ChatNode[] = [
	{ alias: nested, node: "gw-1" },
	{ alias: outside, node: "gw-2" },
];

let world: World;
let alice: XmppClient;
let bob: XmppClient;

/** Messages both ways between users of the domains, all the time. */
const traffic = { stopping: false, running: Promise.resolve() };
const sent: { readonly to: () => XmppClient; readonly id: string }[] = [];

/** What a pod mounts with the strategy Live. */
async function mount(node: GatewayNode, served: readonly ChatNode[]): Promise<void> {
	const all = aliasesAt(node.intent.name, chatNodes).aliases ?? {};
	const aliases = Object.fromEntries(
		served.flatMap(({ alias, node: home }) => {
			const known = all[alias];
			return known ? [[alias, { ...known, here: home === node.intent.name }]] : [];
		}),
	);
	const { aliases: _before, ...intent } = node.intent;
	node.intent = { ...intent, strategy: "Live", liveAliases: true, ...(served.length > 0 && { aliases }) };
	await node.mountSettings({ ...revisionedSettings(node.intent), ...liveSettings(node.intent) });
}

/** Gives all nodes these aliases, and waits until every process has taken them and every link is as it should be. */
async function serve(served: readonly ChatNode[]): Promise<void> {
	for (const node of world.nodes) await mount(node, served);
	await waitFor("the aliases to be in force", async () => {
		for (const node of world.nodes) {
			for (const role of Object.keys(node.programs)) {
				if (role !== "router" && role !== "federation") continue;
				const { settings } = await node.inForce(role);
				if (settings.failure !== undefined) throw new Error(settings.failure);
				if (settings.revision !== liveSettings(node.intent)[revisionFile]?.trim()) return false;
			}
		}
		return true;
	});
	await waitFor("the links for the aliases", async () => {
		for (const { intent } of world.nodes) {
			const found = (await world.node(intent.name).status("router")).links
				.filter(({ domain }) => chatNodes.some(({ alias }) => alias === domain))
				.map(({ domain, node, state }) => `${domain} ${node} ${state}`)
				.toSorted();
			const wanted = served
				.flatMap(({ alias, node }) =>
					["gw-1", "gw-2"].map((to) => `${alias} ${to} ${node === intent.name ? "Up" : "Withdrawn"}`),
				)
				.toSorted();
			if (found.join() !== wanted.join()) throw new Error(`${intent.name}: ${found.join()}`);
		}
		return true;
	});
}

async function meet(room: string): Promise<void> {
	await alice.joinRoom(room, "alice");
	await bob.joinRoom(room, "bob");
	await bob.sendGroupchat(room, "hello from outside");
	await alice.receiveGroupchat(room, "hello from outside");
	await alice.sendGroupchat(room, "hello from inside");
	await bob.receiveGroupchat(room, "hello from inside");
}

/** What each Enabled node says to a peer that opens a stream for a domain. */
async function answers(domain: string): Promise<readonly string[]> {
	return await Promise.all(
		["gw-1", "gw-2"].map(async (name) => {
			using stream = await RawStream.connect(world.node(name).address, podLayout.federationPort);
			stream.send(
				"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' " +
					`xmlns:stream='http://etherx.jabber.org/streams' from='remote.example' to='${domain}' version='1.0'>`,
			);
			return await waitFor(
				`an answer for ${domain}`,
				() => /<(?:stream:features|host-unknown)/.exec(stream.received)?.[0],
			);
		}),
	);
}
const served = ["<stream:features", "<stream:features"];
const unknown = ["<host-unknown", "<host-unknown"];

/** Stanzas that a node's router got from peers for an alias. */
async function taken(node: string, alias: string): Promise<number> {
	const { links } = await world.node(node).status("router");
	return links.filter(({ domain }) => domain === alias).reduce((sum, { received = 0 }) => sum + received, 0);
}

/** Streams with peers, those of the aliases apart, as `DIRECTION LOCAL PEER SINCE`. */
async function streams(isOfAlias: boolean): Promise<readonly string[]> {
	const all = await Promise.all(
		world.nodes
			.filter(({ intent }) => intent.federation === "Enabled")
			.map(async (node) => (await node.status("federation")).streams),
	);
	return all
		.flat()
		.filter(({ local: domain }) => chatNodes.some(({ alias }) => alias === domain) === isOfAlias)
		.map(({ direction, local: domain, peer, since }) => `${direction} ${domain} ${peer} ${since}`)
		.toSorted();
}

beforeAll(async () => {
	world = await World.start({
		internal: "prosody",
		peers: ["prosody"],
		users: ["alice", "bob"],
		nodes: [
			{ name: "gw-1", federation: "Enabled" },
			{ name: "gw-2", federation: "Enabled" },
			{ name: "inside", federation: "Disabled" },
		],
		chatNodes,
	});
	for (const node of world.nodes) await mount(node, []);
	await world.startNodes();
	alice = await world.internalUser("alice");
	bob = await world.peerUser("prosody", "bob");
	for (const [from, to] of [
		[alice, bob],
		[bob, alice],
	] as const) {
		await to.receiveMessage(await from.sendMessage(to.fullJid, "first"));
	}
	traffic.running = (async () => {
		while (!traffic.stopping) {
			for (const [from, to] of [
				[alice, bob],
				[bob, alice],
			] as const) {
				sent.push({ to: () => to, id: await from.sendMessage(to.fullJid, "all the time") });
			}
			await sleep(20);
		}
	})();
});

afterAll(async () => {
	traffic.stopping = true;
	await traffic.running;
	await alice?.[Symbol.asyncDispose]();
	await bob?.[Symbol.asyncDispose]();
	await world?.[Symbol.asyncDispose]();
});

test("an alias that nobody has been told of is nobody's", async () => {
	expect(await answers(nested)).toEqual(unknown);
});

test("aliases come, one after the other", async () => {
	await serve(chatNodes.slice(0, 1));
	expect([await answers(nested), await answers(outside)]).toEqual([served, unknown]);
	await meet(`lobby@${nested}`);
	expect(await taken("gw-1", nested)).toBeGreaterThan(0);
	await serve(chatNodes);
	await meet(`lobby@${outside}`);
	expect(await taken("gw-2", outside)).toBeGreaterThan(0);
});

test("an alias is moved to another node: its room and who is in it stay, and go by that node from then on", async () => {
	const moved = chatNodes.map((each) => (each.alias === nested ? { ...each, node: "inside" } : each));
	// The node that it comes to hears of it first (src/rollout/hand-over.ts). What is sent meanwhile, and until all have
	// heard, arrives.
	await mount(world.node("inside"), moved);
	await waitFor("the router to have heard", async () => {
		const { settings } = await world.node("inside").inForce("router");
		return settings.used["aliases"] === liveAliasesDigest(world.node("inside").intent);
	});
	const bodies = Array.from({ length: 20 }, (_, index) => `meanwhile ${index}`);
	const talk = (async () => {
		for (const body of bodies) {
			await bob.sendGroupchat(`lobby@${nested}`, body);
			await sleep(50);
		}
	})();
	await serve(moved);
	await talk;
	for (const body of bodies) await alice.receiveGroupchat(`lobby@${nested}`, body);
	const before = await taken("gw-1", nested);
	await bob.sendGroupchat(`lobby@${nested}`, "still here");
	await alice.receiveGroupchat(`lobby@${nested}`, "still here");
	expect(await taken("inside", nested)).toBeGreaterThan(0);
	expect(await taken("gw-1", nested)).toBe(before);
});

test("an alias goes: streams for it end, all others stay, and it can come again", async () => {
	const others = await streams(false);
	expect((await streams(true)).some((line) => line.includes(nested))).toBe(true);
	await serve(chatNodes.slice(1));
	await waitFor("its streams to end", async () => !(await streams(true)).some((line) => line.includes(nested)));
	await waitFor("it to be nobody's", async () => (await answers(nested)).join() === unknown.join());
	const id = await bob.sendMessage(`lobby@${nested}`, "is anybody there?");
	expect((await bob.receiveError(id)).condition).toMatch(/^remote-server-/);
	expect(await streams(false)).toEqual(others);
	await bob.sendGroupchat(`lobby@${outside}`, "others go on");
	await alice.receiveGroupchat(`lobby@${outside}`, "others go on");
	await serve(chatNodes);
	await meet(`again@${nested}`);
});

test("no message of others was lost, and nothing was restarted", async () => {
	traffic.stopping = true;
	await traffic.running;
	for (const { to, id } of sent) await to().receiveMessage(id);
	expect(sent.length).toBeGreaterThan(100);
	for (const node of world.nodes) {
		for (const program of Object.values(node.programs)) expect(program.ended).toBe(false);
	}
});
