import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { limitDefaults } from "../../src/gateway/limits.ts";
import { luaValue } from "../../src/gateway/lua.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { Forwarder } from "./lib/forwarder.ts";
import { local, World } from "./lib/world.ts";

const names = ["gw-1", "gw-2"] as const;
const upstreamNames = { "gw-1": "upstream-1.internal.lab", "gw-2": "upstream-2.internal.lab" } as const;

/** Seconds, shorter than they are by default. */
const settings = [
	"xmppfed_upstream_probe_interval = 1",
	"xmppfed_upstream_retry_interval = 1",
	"xmppfed_upstream_answer = 2",
	`xmppfed_limits = ${luaValue({ ...limitDefaults({}, "router"), handshakeSeconds: 4 })}`,
].join("\n");

/** Each router reaches the internal server by a port of its own, which the test opens and closes. */
describe("a router that does not reach its upstream", () => {
	let world: World;
	let alice: XmppClient;
	let bob: XmppClient;
	const ports = new Map<string, Forwarder>();
	const port = (name: string) => {
		const found = ports.get(name);
		if (!found) throw new Error(`no port for ${name}`);
		return found;
	};

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [
				{ name: "gw-1", federation: "Enabled" },
				{ name: "gw-2", federation: "Disabled" },
			],
		});
		const own = world.network.address(1);
		for (const [index, name] of names.entries()) {
			ports.set(name, await Forwarder.listen(own, 15_269 + index, world.addressOf("internal")));
			const node = world.node(name);
			node.intent = { ...node.intent, upstream: { host: upstreamNames[name], port: 15_269 + index } };
			await node.startRole("router", world.secrets, settings);
		}
		await world.node("gw-1").startRole("federation", world.secrets);
		// What comes from inside goes by gw-1.
		world.routers = ["gw-1"];
		await publish();
		for (const name of names) await world.node(name).waitUntilReady();
		alice = await world.internalUser("alice");
		bob = await world.peerUser("prosody", "bob");
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "ready"));
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "ready"));
	});

	afterAll(async () => {
		await alice?.[Symbol.asyncDispose]();
		await bob?.[Symbol.asyncDispose]();
		await Promise.all([...ports.values()].map((forwarder) => forwarder[Symbol.asyncDispose]()));
		await world?.[Symbol.asyncDispose]();
	});

	const publish = async () =>
		await world.publish(names.map((name) => `${upstreamNames[name]}. A ${world.network.address(1)}`));

	/** State of each router's link for the domain, as the federation connection manager sees it. */
	const states = async () => {
		const { links } = await world.node("gw-1").status("federation");
		return Object.fromEntries(
			links.filter(({ domain }) => domain === local.domain).map(({ node, state }) => [node, state]),
		);
	};
	const waitForStates = async (wanted: Record<string, string>) =>
		await waitFor(`the links to be ${JSON.stringify(wanted)}`, async () => {
			const found = await states();
			if (JSON.stringify(found, names.toSorted()) !== JSON.stringify(wanted, names.toSorted()))
				throw new Error(JSON.stringify(found));
			return true;
		});
	const hasStreamIn = async (name: string) =>
		(await world.node(name).status("router")).streams.some(({ direction }) => direction === "outgoing");

	test("withdraws: what comes in goes through the other router, what goes out still goes", async () => {
		const down = (await hasStreamIn("gw-1")) ? "gw-1" : "gw-2";
		const other = down === "gw-1" ? "gw-2" : "gw-1";
		await port(down).close();
		await waitForStates({ [down]: "Withdrawn", [other]: "Up" });
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "by the other one"));
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "out still works"));
		const readiness = await world.node(down).readiness("router");
		expect(readiness.ready).toBe(true);
		expect(readiness.reasons.map(({ reason }) => reason)).toEqual(["UpstreamUnreachable"]);
		await port(down).open();
		await waitForStates({ "gw-1": "Up", "gw-2": "Up" });
	});

	test("no router reaches it: senders are told at once, and again served as soon as one does", async () => {
		for (const name of names) await port(name).close();
		await waitForStates({ "gw-1": "Withdrawn", "gw-2": "Withdrawn" });
		const error = await bob.receiveError(await bob.sendMessage(alice.fullJid, "hello"));
		expect(error).toEqual({
			type: "wait",
			condition: "remote-server-timeout",
			text: "The internal server cannot be reached",
		});
		const readiness = await world.node("gw-1").readiness("federation");
		expect(readiness.reasons.map(({ reason }) => reason)).toEqual(["UpstreamUnreachable"]);
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "out still works"));
		await port("gw-2").open();
		await waitForStates({ "gw-1": "Withdrawn", "gw-2": "Up" });
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "hello again"));
		await port("gw-1").open();
		await waitForStates({ "gw-1": "Up", "gw-2": "Up" });
	});

	test("an upstream that accepts connections and never answers counts as not reached, for as long as it does not", async () => {
		for (const name of names) await port(name).open({ stalled: true });
		for (const name of names) port(name).cut();
		// A connection can be made, so only a stream tells.
		await bob.receiveError(await bob.sendMessage(alice.fullJid, "hello"));
		await waitFor("a router to withdraw", async () => Object.values(await states()).includes("Withdrawn"));
		await bob.receiveError(await bob.sendMessage(alice.fullJid, "hello"));
		await waitForStates({ "gw-1": "Withdrawn", "gw-2": "Withdrawn" });
		const { upstreams } = await world.node("gw-1").status("router");
		expect(upstreams).toContainEqual(expect.objectContaining({ domain: local.domain, reachable: false }));
		for (const name of names) {
			await port(name).open();
			port(name).cut();
		}
		await waitForStates({ "gw-1": "Up", "gw-2": "Up" });
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "hello again"));
	});

	test("DNS that does not answer withdraws nothing, and streams still come to be", async () => {
		await world.dns.stop();
		await sleep(5_000);
		expect(await states()).toEqual({ "gw-1": "Up", "gw-2": "Up" });
		for (const name of names) port(name).cut();
		await waitFor(
			"a message to arrive on a new stream",
			async () => await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "without DNS"), 15_000),
		);
		await world.dns.resume();
	});
});
