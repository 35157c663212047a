import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { revisionFile, settingsFiles } from "../../src/gateway/settings.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { parseOpenMetrics, sumOf } from "./lib/openmetrics.ts";
import { PlayedPeers } from "./lib/raw-peer.ts";
import { Traffic } from "./lib/traffic.ts";
import { local, peers, World } from "./lib/world.ts";

/** `idleSeconds` is shorter than the resource allows. */
const limits = { stanzaBytes: 20_000, stanzasPerSecond: 200, streamsPerMinute: 8, idleSeconds: 2 };
/** Stanzas that may come at once, see mod_xmppfed_rates. */
const burst = 5 * limits.stanzasPerSecond;

/** A whole gateway between two real servers. The test plays the server of one more domain. */
describe("spec.limits", () => {
	let world: World;
	let alice: XmppClient;
	let bob: XmppClient;
	let played: PlayedPeers;
	const domain = "peer.lab";
	const node = () => world.node("gw-1");
	const metric = async (...of: [name: string, labels?: Record<string, string>]) =>
		sumOf(parseOpenMetrics(await (await node().get("federation", "/metrics")).text()), ...of);
	const open = async (from = domain) =>
		await PlayedPeers.open(node().address, podLayout.federationPort, from, local.domain);
	const openAuthenticated = async () =>
		await played.openAuthenticated(node().address, podLayout.federationPort, domain, local.domain);
	const streamsWith = async (peer: string) =>
		(await node().status("federation")).streams.filter((stream) => stream.peer === peer);
	const message = (id: string, body = id) =>
		`<message from='mallory@${domain}' to='${alice.fullJid}' id='${id}' type='chat'><body>${body}</body></message>`;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		const own = world.network.address(1);
		played = await PlayedPeers.listen(own);
		await world.publish([`_xmpp-server._tcp.${domain}. SRV 0 0 5269 xmpp.${domain}.`, `xmpp.${domain}. A ${own}`]);
		node().intent = { ...node().intent, limits };
		await world.startNodes();
		alice = await world.internalUser("alice");
		bob = await world.peerUser("prosody", "bob");
	});

	afterAll(async () => {
		await alice?.[Symbol.asyncDispose]();
		await bob?.[Symbol.asyncDispose]();
		played?.[Symbol.dispose]();
		await world?.[Symbol.asyncDispose]();
	});

	test("streamsPerMinute: who only claims to be a peer uses up none of its streams", async () => {
		for (let count = 0; count < limits.streamsPerMinute + 1; count++) {
			using stream = await open(peers.prosody.domain);
			stream.send(`<db:result from='${peers.prosody.domain}' to='${local.domain}'>key</db:result>`);
			await stream.receive("type='invalid'");
		}
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "ready"));
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "ready"));
		expect(await metric("xmppfed_connections_refused_total")).toBe(0);
	});

	test("stanzasPerSecond: a peer that sends more is slowed, loses nothing, and others are served meanwhile", async () => {
		using stream = await openAuthenticated();
		const arrived: string[] = [];
		const stop = alice.observe(({ attrs: { id = "" } }) => id.startsWith("fast-") && arrived.push(id));
		const sent = Array.from({ length: 2 * burst }, (_, number) => `fast-${number}`);
		const started = performance.now();
		for (const id of sent) stream.send(message(id));
		for (let number = 0; number < 20; number++) {
			await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "meanwhile"));
			await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "meanwhile"));
		}
		expect(arrived.length).toBeLessThan(sent.length);
		await waitFor("all to arrive", () => arrived.length === sent.length, { timeout: 60_000 });
		stop();
		expect(arrived).toEqual(sent);
		// Not sooner, however fast the machine is: half of it was more than may come at once. One read may be ahead.
		expect(performance.now() - started).toBeGreaterThan((1_000 * burst) / limits.stanzasPerSecond / 2);
		expect(await metric("xmppfed_streams_slowed_total")).toBeGreaterThan(0);
		expect(await metric("xmppfed_stanzas_refused_total")).toBe(0);
	});

	test("stanzaBytes: a stream with a longer stanza is closed, with the reason", async () => {
		using stream = await openAuthenticated();
		stream.send(message("fits", "x".repeat(limits.stanzaBytes - 1_000)));
		await alice.receiveMessage("fits");
		stream.send(message("too-long", "x".repeat(limits.stanzaBytes)));
		await waitFor("the stream to be closed", () => stream.closed);
		expect(stream.received).toMatch(/<policy-violation.*XML stanza is too big/);
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "later"));
		expect(alice.received.filter(({ attrs }) => attrs.id === "too-long")).toEqual([]);
		expect(await metric("xmppfed_stream_failures_total", { direction: "incoming", cause: "LimitReached" })).toBe(1);
	});

	test("a change is in force for streams that are opened after it, without a restart", async () => {
		const { intent } = node();
		const files = settingsFiles({ ...intent, limits: { ...limits, stanzaBytes: 2 * limits.stanzaBytes } });
		await node().mountSettings(files);
		await waitFor(
			"the settings to be in force",
			async () => (await node().status("federation")).settings.revision === files[revisionFile]?.trim(),
		);
		using stream = await openAuthenticated();
		stream.send(message("fits-now", "x".repeat(limits.stanzaBytes)));
		expect((await alice.receiveMessage("fits-now")).attrs.from).toBe(`mallory@${domain}`);
	});

	test("streamsPerMinute: a peer that opens more is refused, with the reason", async () => {
		let refused: string | undefined;
		for (let count = 0; count < 2 * limits.streamsPerMinute && refused === undefined; count++) {
			using stream = await open();
			stream.send(`<db:result from='${domain}' to='${local.domain}'>key</db:result>`);
			await waitFor("an answer", () => /<db:result[^>]*type='valid'|<stream:error/.test(stream.received));
			if (!stream.received.includes("<stream:error")) continue;
			await waitFor("the stream to be closed", () => stream.closed);
			refused = stream.received;
		}
		expect(refused).toMatch(/<policy-violation.*More than 8 streams of peer\.lab in a minute/);
		expect(await metric("xmppfed_connections_refused_total", { bound: "rate" })).toBe(1);
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "later"));
	});

	test("idleSeconds: streams that nothing goes over end in order, and nothing is lost with them", async () => {
		const ended = await metric("xmppfed_streams_ended_idle_total");
		await waitFor("no stream to be left", async () => (await streamsWith(peers.prosody.domain)).length === 0);
		expect(await metric("xmppfed_streams_ended_idle_total")).toBeGreaterThanOrEqual(ended);
		expect(await metric("xmppfed_streams_ended_idle_total")).toBeGreaterThanOrEqual(2);
		// One message in 2.5 s: each may meet a stream that ends just now.
		const traffic = [new Traffic(alice, bob, 0.4), new Traffic(bob, alice, 0.4)];
		await sleep(7_500);
		for (const each of traffic) {
			expect(await each.stop()).toMatchObject({ lost: 0, returned: 0, duplicated: 0, outOfOrder: 0 });
		}
	});

	test("idleSeconds: what is to be sent while a stream ends takes a new one, which stays when the old one is gone", async () => {
		const to = (): string => played.received(domain);
		const opened = () => (played.streams.get(domain) ?? []).length;
		await waitFor("no stream to be left", async () => (await streamsWith(domain)).length === 0);
		// One that has ended on our side alone would hold up the next.
		const earlier = (played.streams.get(domain) ?? []).filter(({ closed }) => !closed);
		for (const stream of earlier) stream.send("</stream:stream>");
		await waitFor("earlier ones to be gone", () => earlier.every(({ closed }) => closed));
		const before = opened();
		await alice.sendMessage(`mallory@${domain}`, "the first of three");
		const carriesFirst = () =>
			played.streams.get(domain)?.find(({ received }) => received.includes("the first of three"));
		const old = await waitFor("the first", carriesFirst);
		await waitFor("the stream to end", () => old.received.endsWith("</stream:stream>"));
		await alice.sendMessage(`mallory@${domain}`, "the second of three");
		await waitFor("the second", () => to().includes("the second of three"));
		old.send("</stream:stream>");
		await waitFor("the old stream to be gone", () => old.closed);
		await alice.sendMessage(`mallory@${domain}`, "the third of three");
		await waitFor("the third", () => to().includes("the third of three"));
		expect(opened()).toBe(before + 2);
	});
});
