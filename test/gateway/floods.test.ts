import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { gatewayMemoryMiB } from "../../src/objects/gateway-memory.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { peakMemory } from "./lib/memory.ts";
import { parseOpenMetrics, sumOf } from "./lib/openmetrics.ts";
import { playRouter } from "./lib/raw-router.ts";
import { RawStream } from "./lib/raw-stream.ts";
import { local, peers, World } from "./lib/world.ts";

const header = (attributes: string) =>
	`<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' version='1.0' ${attributes}>`;

/** Shorter and smaller than they are by default. */
const limits = { unauthenticatedStreamsPerAddress: 50, handshakeSeconds: 5 };
const settings = ["xmppfed_opening_limit = 500", "xmppfed_partial_total = 200000"].join("\n");

/**
 * What strangers, peers and the inside can make a federation connection manager hold. The test plays its only router
 * and, at another address than the real peer, strangers.
 */
describe("a federation connection manager under a flood of", () => {
	let world: World;
	let bob: XmppClient;
	let link: RawStream;
	const program = () => world.node("gw-1").program("federation");
	const status = async () => await world.node("gw-1").status("federation");
	const metrics = async () => parseOpenMetrics(await (await world.node("gw-1").get("federation", "/metrics")).text());
	const connect = async () => await RawStream.connect(world.node("gw-1").address, podLayout.federationPort);
	const count = (text: string) => link.received.split(text).length - 1;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		world.node("gw-1").intent = { ...world.node("gw-1").intent, limits };
		await world.node("gw-1").mountSettings();
		await world.node("gw-1").startRole("federation", world.secrets, settings);
		const { address } = world.node("gw-1");
		link = await waitFor(
			"a link",
			async () => await playRouter(address, podLayout.linkPort, local.domain, world.secrets.link, world.linkFiles),
		);
		bob = await world.peerUser("prosody", "bob");
	});

	afterAll(async () => {
		await bob?.[Symbol.asyncDispose]();
		link?.[Symbol.dispose]();
		await world?.[Symbol.asyncDispose]();
	});

	const message = (to: string, id: string, body = "hello") =>
		link.send(`<message from='alice@${local.domain}' to='${to}' id='${id}' type='chat'><body>${body}</body></message>`);

	/** Sends to 1,000 domains a second, which do not exist. */
	async function sendToUnknown(name: string, seconds: number): Promise<void> {
		for (let number = 0; number < seconds * 1_000; number += 100) {
			for (let n = number; n < number + 100; n++) message(`x@${name}-${n}.unknown.lab`, `${name}-${n}`);
			await sleep(100);
		}
	}

	test("words: what a peer says when it ends a stream is told in short", async () => {
		using stream = await connect();
		stream.send(header(`from='talker.lab' to='${local.domain}'`));
		await stream.receive("<stream:features");
		const text = `a${"\u00e9".repeat(4_000)}`;
		stream.send(
			`<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>${text}</text></stream:error>`,
		);
		const detail = await waitFor("the failure", async () => {
			return (await status()).failures.find(({ peer }) => peer === "talker.lab")?.detail;
		});
		expect(detail).toMatch(/^reset \(a\u00e9{100,200}\u2026$/);
	});

	test("domains that do not exist: every sender gets an error, and others are served meanwhile", async () => {
		const flood = sendToUnknown("gone", 3);
		for (let number = 0; number < 3; number++) {
			const id = `between-${number}`;
			message(bob.fullJid, id);
			await bob.receiveMessage(id);
		}
		await flood;
		await waitFor("3,000 errors", () => count("id='gone-") === 3_000, { timeout: 60_000 });
		expect(count("<remote-server-not-found") + count("<resource-constraint")).toBe(3_000);
		expect((await status()).failures.length).toBeLessThanOrEqual(1_000);
	});

	test("domains while DNS does not answer: what is not taken is answered at once, the rest later", async () => {
		const before = count("<resource-constraint");
		await world.dns.stop();
		await sendToUnknown("silent", 2);
		await waitFor("what is not taken to be answered", () => count("<resource-constraint") - before >= 1_000);
		expect(
			sumOf(await metrics(), "xmppfed_streams", { direction: "outgoing", state: "Negotiating" }),
		).toBeLessThanOrEqual(500);
		await world.dns.resume();
		await waitFor("2,000 errors", () => count("id='silent-") === 2_000, { timeout: 90_000 });
		message(bob.fullJid, "after");
		await bob.receiveMessage("after");
	});

	test("connections that say nothing: bounded for an address, closed after a time, and others are served", async () => {
		const streams = await Promise.all(Array.from({ length: 120 }, connect));
		await waitFor("those beyond the bound to be closed", () => streams.filter(({ closed }) => closed).length >= 70);
		expect(sumOf(await metrics(), "xmppfed_connections_refused_total")).toBeGreaterThanOrEqual(70);
		expect(
			sumOf(await metrics(), "xmppfed_streams", { direction: "incoming", state: "Negotiating" }),
		).toBeLessThanOrEqual(50);
		expect(streams.filter(({ received }) => received.includes("<resource-constraint")).length).toBeGreaterThanOrEqual(
			70,
		);
		await waitFor("all to be closed", () => streams.every(({ closed }) => closed));
		await bob.sendMessage(`alice@${local.domain}`, "in", "in");
		await link.receive("id='in'");
	});

	test("headers without authentication", async () => {
		const streams = await Promise.all(Array.from({ length: 40 }, connect));
		for (const stream of streams) stream.send(header(`from='stranger.lab' to='${local.domain}'`));
		await waitFor("all to be answered", () => streams.every(({ received }) => received.includes("<stream:features")));
		await waitFor("all to be closed", () => streams.every(({ closed }) => closed));
		expect(sumOf(await metrics(), "xmppfed_streams", { direction: "incoming", state: "Negotiating" })).toBe(0);
	});

	test("elements without end: too long, too many, too deep, or too much of them in all", async () => {
		const open = async () => {
			const stream = await connect();
			stream.send(header(`from='stranger.lab' to='${local.domain}'`));
			await stream.receive("<stream:features");
			return stream;
		};
		const texts = [
			`<message to='${"x".repeat(30_000)}`,
			`<message><body>${"x".repeat(30_000)}`,
			`<message>${"<a/>".repeat(1_000)}`,
			`<message>${"<a>".repeat(1_000)}`,
		];
		for (const text of texts) {
			using stream = await open();
			stream.send(text);
			await waitFor(`${text.slice(0, 30)}… to be refused`, () => stream.closed);
		}
		// Each is within its own bound.
		const streams = await Promise.all(Array.from({ length: 30 }, open));
		for (const stream of streams) stream.send(`<message><body>${"x".repeat(9_000)}`);
		await sleep(500);
		expect(sumOf(await metrics(), "xmppfed_partial_stanza_bytes")).toBeGreaterThan(0);
		for (const stream of streams) stream[Symbol.dispose]();
		await waitFor("nothing to be held", async () => sumOf(await metrics(), "xmppfed_partial_stanza_bytes") === 0);
	});

	test("blanks: they are not held, and close no stream", async () => {
		using stream = await connect();
		stream.send(header(`from='stranger.lab' to='${local.domain}'`));
		await stream.receive("<stream:features");
		for (let sent = 0; sent < 50; sent++) {
			stream.send(" ".repeat(5_000));
			await sleep(10);
		}
		stream.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'");
		await waitFor("what is unfinished to be all that counts", async () => {
			const held = sumOf(await metrics(), "xmppfed_partial_stanza_bytes");
			return held > 0 && held < 100;
		});
		expect(stream.closed).toBe(false);
	});

	test("domains that one stream claims to be", async () => {
		using stream = await connect();
		stream.send(header(`from='d0.stranger.lab' to='${local.domain}'`));
		await stream.receive("<stream:features");
		stream.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
		await stream.receive("<proceed");
		using secure = await stream.startTls();
		secure.send(header(`from='d0.stranger.lab' to='${local.domain}'`));
		await secure.receive("<stream:features");
		const claims = Array.from(
			{ length: 1_000 },
			(_, number) => `<db:result from='d${number}.stranger.lab' to='${local.domain}'>key</db:result>`,
		);
		// At once, or DNS says of the first that it is not there before the last is said
		secure.send(claims.join(""));
		await waitFor("the stream to be closed", () => secure.closed);
		expect(secure.received).toContain("More than 50 domains");
	});

	test("stanzas that are longer than the peer takes: senders get policy-violation, and the stream stays the only one", async () => {
		message(bob.fullJid, "opens the stream");
		await bob.receiveMessage("opens the stream");
		const body = "x".repeat(600_000);
		for (let number = 0; number < 5; number++) message(bob.fullJid, `long-${number}`, body);
		message(bob.fullJid, "short");
		await bob.receiveMessage("short");
		await waitFor("5 errors", () => count("id='long-") === 5);
		expect(count("<policy-violation")).toBe(5);
		const outgoing = (await status()).streams.filter(
			({ peer, direction }) => peer === peers.prosody.domain && direction === "outgoing",
		);
		expect(outgoing).toHaveLength(1);
	});

	test("anything leaves it within its memory limit, and /metrics says what happened", async () => {
		const peak = await peakMemory(program());
		console.log(`federation connection manager: ${peak} MiB at most`);
		expect(peak).toBeLessThan(gatewayMemoryMiB());
		const samples = await metrics();
		expect(sumOf(samples, "xmppfed_stanzas_total", { direction: "out", kind: "message" })).toBeGreaterThanOrEqual(5);
		expect(sumOf(samples, "xmppfed_stanzas_total", { direction: "in", kind: "message" })).toBeGreaterThanOrEqual(1);
		expect(sumOf(samples, "xmppfed_stanzas_refused_total", { direction: "out", condition: "policy-violation" })).toBe(
			5,
		);
		expect(sumOf(samples, "xmppfed_stream_failures_total", { cause: "NameNotFound" })).toBeGreaterThan(1_000);
		expect(sumOf(samples, "xmppfed_links", { state: "Up" })).toBe(1);
		expect(sumOf(samples, "process_resident_memory_bytes")).toBeGreaterThan(10 * 1024 * 1024);
		expect(samples.length).toBeLessThan(150);
	});
});
