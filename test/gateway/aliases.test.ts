import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { Forwarder } from "./lib/forwarder.ts";
import type { Link } from "./lib/gateway-node.ts";
import { aliasesAt, type ChatNode, local, World } from "./lib/world.ts";

/** Nested, as the source has it, and outside the federation's domain. */
const nested = "conference-2.standalonecluster.example.lab";
const outside = "rooms.elsewhere.lab";
const chatNodes: readonly ChatNode[] = [
	{ alias: nested, node: "gw-1" },
	{ alias: outside, node: "gw-2" },
];

let world: World;
let alice: XmppClient;
let bob: XmppClient;
const forwarders: Forwarder[] = [];

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
	// What servers inside send goes by a router that is no chat node's.
	world.routers = ["inside"];
	await world.publish();
	await world.startNodes();
	await waitFor("every router to have its links for the aliases", async () => {
		const links = (await Promise.all(world.nodes.map(async ({ intent }) => await linksOf(intent.name)))).flat();
		return links.length === 2 * 3 * 2 && links.every(({ state }) => state === "Up" || state === "Withdrawn");
	});
});

afterAll(async () => {
	for (const forwarder of forwarders) await forwarder.close();
	await world?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
	alice = await world.internalUser("alice");
	bob = await world.peerUser("prosody", "bob");
});

afterEach(async () => {
	await alice?.[Symbol.asyncDispose]();
	await bob?.[Symbol.asyncDispose]();
});

/** The links of a node's router for aliases. */
async function linksOf(node: string): Promise<readonly Link[]> {
	const { links } = await world.node(node).status("router");
	return links.filter(({ domain }) => chatNodes.some(({ alias }) => alias === domain));
}

/** Stanzas that a node's router got from peers for an alias, and that it handed to links for it. */
async function carried(node: string, alias: string): Promise<{ received: number; sent: number }> {
	const links = (await linksOf(node)).filter(({ domain }) => domain === alias);
	const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
	return {
		received: sum(links.map(({ received = 0 }) => received)),
		sent: sum(links.map(({ sent }) => sent)),
	};
}

/** A user of the federation and one of a peer meet in a room, and do what people do there. */
async function meet(room: string): Promise<void> {
	await alice.joinRoom(room, "alice");
	await alice.inviteToRoom(room, bob.jid, `come to ${room}`);
	expect(await bob.receiveInvitation(room, `come to ${room}`)).toBe(`${room}/alice`);
	await bob.joinRoom(room, "bob");
	await bob.receivePresence(`${room}/alice`);
	await alice.receivePresence(`${room}/bob`);
	await bob.sendGroupchat(room, "hello from outside");
	await alice.receiveGroupchat(room, "hello from outside");
	await alice.sendGroupchat(room, "hello from inside");
	await bob.receiveGroupchat(room, "hello from inside");
	await alice[Symbol.asyncDispose]();
	await bob.receivePresence(`${room}/alice`, "unavailable");
}

test.each(chatNodes)(
	"a peer's user meets one of ours in a room of $alias: in by the router of $node alone, out by any",
	async ({ alias, node }) => {
		await meet(`lobby@${alias}`);
		for (const { intent } of world.nodes) {
			const links = (await linksOf(intent.name)).filter(({ domain }) => domain === alias);
			const { received, sent } = await carried(intent.name, alias);
			expect({
				name: intent.name,
				states: new Set(links.map(({ state }) => state)),
				takes: received > 0,
				sends: sent > 0,
			}).toEqual({
				name: intent.name,
				states: new Set([intent.name === node ? "Up" : "Withdrawn"]),
				takes: intent.name === node,
				sends: intent.name === "inside",
			});
		}
	},
);

test("an alias is one, however its letters are written", async () => {
	const room = `letters@${nested}`;
	await bob.joinRoom(room, "bob");
	const answer = await bob.discoverFeatures("letters@Conference-2.StandAloneCluster.Example.lab");
	expect(answer).toContain("http://jabber.org/protocol/muc");
});

test("one public address, several ports: peers come in at the node of a Direct alias alone", async () => {
	// What a firewall or a load balancer does: ports of one address lead to one node each.
	const edge = world.network.address(1);
	const node = (name: string) => ({ host: world.node(name).address, port: podLayout.federationPort });
	for (const [port, name] of [
		[5269, "gw-1"],
		[25_269, "gw-1"],
		[35_269, "gw-2"],
	] as const) {
		forwarders.push(await Forwarder.listen(edge, port, node(name)));
	}
	await world.publish([
		`_xmpp-server._tcp.${nested}. SRV 0 0 25269 edge.${local.domain}.`,
		`_xmpp-server._tcp.${outside}. SRV 0 0 35269 edge.${local.domain}.`,
		`gateway.${local.domain}. A ${edge}`,
		`edge.${local.domain}. A ${edge}`,
	]);
	// What it looked up before, and the streams that it has, are of no use any more.
	await world.stopServer("prosody");
	await world.startServer("prosody");
	await world.waitForServer("prosody");
	const incoming = async (name: string) => {
		const { streams } = await world.node(name).status("federation");
		const locals = streams.filter(({ direction }) => direction === "incoming").map((stream) => stream.local ?? "");
		return new Set(locals.filter((domain) => domain === nested || domain === outside));
	};
	for (const { alias } of chatNodes) {
		bob = await world.peerUser("prosody", "bob");
		alice = await world.internalUser("alice");
		await meet(`direct@${alias}`);
	}
	expect(await incoming("gw-1")).toEqual(new Set([nested]));
	expect(await incoming("gw-2")).toEqual(new Set([outside]));
});

test("while its node is down an alias answers with an error, and the others go on", async () => {
	const router = world.node("gw-1").program("router");
	router.kill("SIGKILL");
	await router.exit;
	const id = await bob.sendMessage(`lobby@${nested}`, "is anybody there?");
	expect(await bob.receiveError(id)).toMatchObject({ type: "wait", condition: "remote-server-timeout" });
	await bob.joinRoom(`lobby@${outside}`, "bob");
	await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "you are there"));

	const { reasons, ready } = await world.node("gw-2").readiness("federation");
	expect(ready).toBe(true);
	expect(reasons.map(({ message }) => message).join()).toContain(nested);
	// A node that starts now is not kept from its work by it.
	const federation = world.node("gw-2").program("federation");
	federation.kill("SIGKILL");
	await federation.exit;
	await world.node("gw-2").startRole("federation", world.secrets);
	await world.node("gw-2").waitUntilReady();
});

test("an alias is moved to another node", async () => {
	const moved = chatNodes.map((chatNode) => ({ ...chatNode, node: "inside" }));
	for (const node of world.nodes) {
		for (const program of Object.values(node.programs)) {
			if (!program.ended) program.kill("SIGKILL");
			await program.exit;
		}
		node.intent = { ...node.intent, ...aliasesAt(node.intent.name, moved) };
	}
	await world.startNodes();
	await waitFor("the links for the aliases", async () =>
		(await linksOf("inside")).every(({ state }) => state === "Up"),
	);
	for (const { alias } of moved) {
		bob = await world.peerUser("prosody", "bob");
		alice = await world.internalUser("alice");
		await meet(`moved@${alias}`);
		expect((await carried("inside", alias)).received).toBeGreaterThan(0);
		for (const name of ["gw-1", "gw-2"]) expect((await carried(name, alias)).received).toBe(0);
	}
});
