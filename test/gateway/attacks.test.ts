import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { defaultSecurity } from "../../src/model/peer-security.ts";
import { gatewayMemoryMiB } from "../../src/objects/gateway-memory.ts";
import { scaled } from "../lib/scale.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { peakMemory } from "./lib/memory.ts";
import { parseOpenMetrics, sumOf } from "./lib/openmetrics.ts";
import { PlayedPeers, streamHeader } from "./lib/raw-peer.ts";
import { RawStream } from "./lib/raw-stream.ts";
import { Traffic } from "./lib/traffic.ts";
import { local, World } from "./lib/world.ts";

const starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const handshakeSeconds = 5;

/**
 * A whole gateway between two real servers, which exchange messages all the time. The test plays `peer.lab`, a server that
 * does what none should, `honest.lab`, whose server says of dialback keys only what is true, and `strict.lab`, of which a
 * certificate is demanded that it has not.
 *
 * See also floods, stalls, no-relay, refusals, link-security, encryption and downgrade.
 */
describe("under attack", () => {
	let world: World;
	let alice: XmppClient;
	let bob: XmppClient;
	let played: PlayedPeers;
	let traffic: readonly Traffic[];
	let descriptors: number;
	const port = podLayout.federationPort;
	const address = () => world.node("gw-1").address;
	const program = () => world.node("gw-1").program("federation");
	const metric = async (...of: [name: string, labels?: Record<string, string>]) =>
		sumOf(parseOpenMetrics(await (await world.node("gw-1").get("federation", "/metrics")).text()), ...of);
	const openDescriptors = async () => (await readdir(`/proc/${program().pid}/fd`)).length;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		const own = world.network.address(1);
		played = await PlayedPeers.listen(own);
		await world.publish(
			["peer.lab", "honest.lab", "strict.lab"].flatMap((domain) => [
				`_xmpp-server._tcp.${domain}. SRV 0 0 5269 xmpp.${domain}.`,
				`xmpp.${domain}. A ${own}`,
			]),
		);
		const node = world.node("gw-1");
		node.intent = { ...node.intent, peers: { "strict.lab": defaultSecurity({}) }, limits: { handshakeSeconds } };
		await world.startNodes();
		alice = await world.internalUser("alice");
		bob = await world.peerUser("prosody", "bob");
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "ready"));
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "ready"));
		descriptors = await openDescriptors();
		traffic = [new Traffic(alice, bob, 20), new Traffic(bob, alice, 20)];
	});

	afterAll(async () => {
		await alice?.[Symbol.asyncDispose]();
		await bob?.[Symbol.asyncDispose]();
		played?.[Symbol.dispose]();
		await world?.[Symbol.asyncDispose]();
	});

	const connect = async () => await RawStream.connect(address(), port);
	const open = async (from = "peer.lab") => await PlayedPeers.open(address(), port, from, local.domain);
	const openAuthenticated = async () => await played.openAuthenticated(address(), port, "peer.lab", local.domain);
	/** A stream to the federation connection manager, in plain, that has got its features. */
	async function openPlain(attributes = `from='peer.lab' to='${local.domain}'`): Promise<RawStream> {
		const stream = await connect();
		stream.send(streamHeader(attributes));
		await stream.receive("</stream:features>");
		return stream;
	}

	/** A message that must not arrive. */
	const evil = (from = "mallory@peer.lab") =>
		`<message from='${from}' to='${alice.fullJid}' id='evil' type='chat'><body>evil</body></message>`;
	/** What evil has arrived by the time that something sent later has. */
	async function gotThrough(): Promise<readonly string[]> {
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "later"));
		return alice.received.filter(({ attrs }) => attrs.id === "evil").map(String);
	}
	/** True when all are. */
	const areClosed = async (what: string, streams: readonly RawStream[]) =>
		await waitFor(`${what} to be closed`, () => streams.every((stream) => stream.closed));

	describe("with XML that is none, or too much of it", () => {
		const entities = Array.from({ length: 9 }, (_, n) => `<!ENTITY e${n + 1} "${`&e${n};`.repeat(10)}">`).join("");
		const many = (count: number, part: (n: number) => string) =>
			Array.from({ length: count }, (_, n) => part(n)).join("");

		/** In place of a stream. */
		const documents = {
			"entities that grow": `<!DOCTYPE x [<!ENTITY e0 "evil">${entities}]><x>&e9;</x>`,
			"an entity of a file": `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>`,
			"a document type of elsewhere": `<!DOCTYPE x SYSTEM "http://peer.lab/x.dtd"><x/>`,
			"a processing instruction": `<?xml-stylesheet href='x'?>`,
			"a comment": "<!-- x -->",
			"a header without end": `<stream:stream a='${"x".repeat(30_000)}`,
			"a header with attributes without end": `<stream:stream ${many(5_000, (n) => `a${n}='' `)}`,
			"a header with another default namespace": streamHeader("").replace("jabber:server'", "jabber:client'"),
			"UTF-16": Buffer.from("\ufeff<stream:stream/>", "utf16le").toString("latin1"),
			"another protocol": "GET / HTTP/1.1\r\nHost: example.lab\r\n\r\n",
			"a second root": `<a/>${streamHeader(`from='peer.lab' to='${local.domain}'`)}`,
		};

		test.each(Object.entries(documents))("in place of a stream: %s", async (what, text) => {
			using stream = await connect();
			stream.send(text);
			expect(await areClosed(what, [stream])).toBe(true);
			expect(stream.received).toContain("<stream:error");
			expect(stream.received).not.toContain("<stream:features");
		});

		/** On a stream, authenticated or not. */
		const elements: Record<string, string> = {
			"an entity that nobody declared": `<message to='a@${local.domain}'><body>&e;</body></message>`,
			"a document type": "<!DOCTYPE x>",
			"a processing instruction": "<?php x?>",
			"a comment": "<!-- x -->",
			"a control character": "<message>\u0000</message>",
			"an end without beginning": "</message>",
			"an attribute twice": "<message a='1' a='2'/>",
			"a prefix that nobody declared": "<evil:message/>",
			"elements that are too deep": `<message>${"<a>".repeat(20_000)}`,
			"too many elements": `<message>${"<a/>".repeat(20_000)}</message>`,
			"an attribute that is too long": `<message a='${"x".repeat(600_000)}`,
			"too many attributes": `<message ${many(60_000, (n) => `a${n}='' `)}`,
			"too many namespaces": `<message>${many(20_000, (n) => `<a xmlns:p${n}='u${n}'/>`)}`,
			"a start tag without end": `<message${" ".repeat(600_000)}`,
			"a name without end": `<${"x".repeat(600_000)}`,
			"a stanza that is too long": `<message><body>${"x".repeat(600_000)}</body></message>`,
			"a second stream in it": streamHeader(`from='peer.lab' to='${local.domain}'`),
		};

		test.each([
			["not authenticated", open],
			["authenticated", openAuthenticated],
		] as const)("on a stream that is %s", async (_state, opened) => {
			const streams = await Promise.all(
				Object.entries(elements).map(async ([what, text]) => {
					const stream = await opened();
					stream.send(text);
					stream.send(evil());
					return { what, stream };
				}),
			);
			for (const { what, stream } of streams) {
				expect(await areClosed(what, [stream])).toBe(true);
				// The reason is lost where the connection goes while more is on its way.
				expect(`${what}: ${stream.failure ? "reset" : stream.received}`).toMatch(/reset|<stream:error/);
			}
			expect(await gotThrough()).toEqual([]);
		});

		test("what is as deep as it may be goes its way", async () => {
			using stream = await openAuthenticated();
			const depth = 9_000;
			stream.send(
				`<message from='mallory@peer.lab' to='nobody@${local.domain}' id='deep' type='chat'>${"<a>".repeat(depth)}${"</a>".repeat(depth)}</message>`,
			);
			expect(
				await waitFor("the error", () => /<message[^>]*id='deep'[^>]*>/.exec(played.received("peer.lab"))?.[0]),
			).toContain("type='error'");
		});
	});

	describe("by who is not who it says", () => {
		/** Streams that claim to be honest.lab and did not prove it. */
		const forgeries: Record<string, (stream: RawStream, id: string) => void | Promise<void>> = {
			"a stanza at once": () => {},
			"a key that it made up": (stream) => stream.send(result("forged")),
			"a stanza behind a key, before that is answered": (stream) =>
				stream.send(`${result("forged")}${evil("x@honest.lab")}`),
			"a key of an earlier stream": async (stream) => {
				using earlier = await open("honest.lab");
				stream.send(result(keyOf(idOf(earlier))));
			},
			"the answer that its key is right, on the same stream": (stream, id) => {
				stream.send(result("pending"));
				stream.send(`<db:verify from='honest.lab' to='${local.domain}' id='${id}' type='valid'/>`);
			},
			"the answer that its key is right, on a stream of another domain": async (stream, id) => {
				stream.send(result("pending"));
				await waitFor("honest.lab to be asked", () => played.received("honest.lab").includes(id));
				using _peer = await openAuthenticated();
				played.streams
					.get("peer.lab")
					?.at(-1)
					?.send(`<db:verify from='honest.lab' to='${local.domain}' id='${id}' type='valid'/>`);
			},
			"the answer that it is authenticated": (stream) =>
				stream.send(`<db:result from='honest.lab' to='${local.domain}' type='valid'/>`),
			"SASL EXTERNAL without a certificate": (stream) =>
				stream.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>aG9uZXN0LmxhYg==</auth>"),
		};
		const result = (key: string) => `<db:result from='honest.lab' to='${local.domain}'>${key}</db:result>`;
		const keyOf = (id: string) => `key of ${id}`;
		const idOf = ({ received }: RawStream) => /<stream:stream[^>]* id='([^']*)'/.exec(received)?.[1] ?? "";

		beforeAll(() => {
			played.verdict = (domain, id, key) => {
				if (domain !== "honest.lab") return "valid";
				if (key === "pending") return undefined;
				return key === keyOf(id) ? "valid" : "invalid";
			};
		});

		test("honest.lab itself is believed", async () => {
			using stream = await open("honest.lab");
			stream.send(result(keyOf(idOf(stream))));
			await stream.receive("type='valid'");
			expect(stream.closed).toBe(false);
		});

		test.each(Object.entries(forgeries))("%s", async (_what, forge) => {
			using stream = await open("honest.lab");
			await forge(stream, idOf(stream));
			await sleep(200);
			stream.send(evil("mallory@honest.lab"));
			expect(await gotThrough()).toEqual([]);
			expect(stream.received).not.toMatch(/<db:result[^>]*type='valid'|<success/);
		});

		test("a peer of which a certificate is demanded, on the stream of one of which none is", async () => {
			using stream = await openAuthenticated();
			stream.send(`<db:result from='strict.lab' to='${local.domain}'>key</db:result>`);
			await stream.receive("type='error'");
			expect(stream.received).toContain("a certificate that verifies is required");
			stream.send(evil("mallory@strict.lab"));
			expect(await gotThrough()).toEqual([]);
			expect(played.streams.get("strict.lab")).toBeUndefined();
		});

		test.each([
			["without 'from'", `<message to='ALICE' id='evil'/>`],
			["with an empty 'from'", `<message from='' to='ALICE' id='evil'/>`],
			["without 'to'", `<message from='mallory@peer.lab' id='evil'/>`],
			["with an empty 'to'", `<message from='mallory@peer.lab' to='' id='evil'/>`],
			["from our own domain", `<message from='admin@${local.domain}' to='ALICE' id='evil'/>`],
			["from below its own domain", `<message from='x@sub.peer.lab' to='ALICE' id='evil'/>`],
			["from a domain that its own ends with", `<message from='x@lab' to='ALICE' id='evil'/>`],
		])("a stanza %s", async (_what, stanza) => {
			using stream = await openAuthenticated();
			stream.send(stanza.replace("ALICE", alice.fullJid));
			expect(await gotThrough()).toEqual([]);
		});

		test("a stream without 'from': what is demanded of anybody is demanded of it", async () => {
			using stream = await openPlain(`to='${local.domain}'`);
			stream.send(starttls);
			await stream.receive("<proceed");
			using secure = await stream.startTls();
			secure.send(streamHeader(`to='${local.domain}'`));
			expect(await areClosed("it", [secure])).toBe(true);
			expect(secure.received).toContain("a certificate that verifies is required");
		});

		test("a stream in our own name", async () => {
			using stream = await connect();
			stream.send(streamHeader(`from='${local.domain}' to='${local.domain}'`));
			expect(await areClosed("it", [stream])).toBe(true);
			expect(stream.received).toContain("<stream:error");
		});
	});

	describe("at TLS", () => {
		test("what stands between <starttls/> and TLS is not taken for what was said inside TLS", async () => {
			const injected = streamHeader(`from='peer.lab' to='${local.domain}'`);
			for (const apart of [false, true]) {
				using stream = await openPlain();
				if (apart) {
					stream.send(starttls);
					await new Promise(setImmediate);
					stream.send(injected);
				} else {
					stream.send(`${starttls}${injected}`);
				}
				await stream.receive("<proceed");
				const afterwards = stream.received.split("<proceed")[1] ?? "";
				expect(afterwards).not.toContain("<stream:features");
			}
		});

		test.each([
			["what is no TLS, in its place", "<message/>"],
			["a record that is too long", "\u0016\u0003\u0001\u007f\u007f"],
			["a handshake that does not go on", "\u0016\u0003\u0001\u0000\u0040\u0001"],
		])("%s", async (_what, text) => {
			using stream = await openPlain();
			stream.send(starttls);
			await stream.receive("<proceed");
			stream.send(text);
			expect(await areClosed("it", [stream])).toBe(true);
		});

		test("TLS from the first byte on", async () => {
			await expect(RawStream.connect(address(), port, {})).rejects.toThrow(/wrong version number/);
		});

		test.each(["TLSv1", "TLSv1.1"] as const)("%s", async (version) => {
			using stream = await openPlain();
			stream.send(starttls);
			await stream.receive("<proceed");
			const old = { minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" } as const;
			await expect(stream.startTls(old)).rejects.toThrow(/alert protocol version|unsupported protocol/);
		});

		test("renegotiation by the client is refused", async () => {
			using stream = await openPlain();
			stream.send(starttls);
			await stream.receive("<proceed");
			using secure = await stream.startTls({ maxVersion: "TLSv1.2" });
			secure.send(streamHeader(`from='peer.lab' to='${local.domain}'`));
			await secure.receive("</stream:features>");
			await expect(secure.renegotiate()).rejects.toThrow(/renegotiation/);
		});

		test("compression is neither offered nor taken", async () => {
			using stream = await openAuthenticated();
			expect(stream.received).not.toContain("compress");
			stream.send("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>");
			await stream.receive("<unsupported-stanza-type");
			expect(await areClosed("it", [stream])).toBe(true);
		});
	});

	describe("by holding on", () => {
		test("senders that send a byte now and then", async () => {
			const slow = await Promise.all(Array.from({ length: 40 }, connect));
			const secure = await Promise.all(Array.from({ length: 10 }, async () => await open()));
			const text = streamHeader(`from='peer.lab' to='${local.domain}'`);
			for (let at = 0; at < text.length && slow.some((stream) => !stream.closed); at++) {
				for (const stream of slow) stream.send(text[at] ?? "");
				for (const stream of secure) stream.send(" ");
				await sleep(50);
			}
			expect(await areClosed("all", [...slow, ...secure])).toBe(true);
		});

		test("connections that are closed and do not go", async () => {
			const streams = await Promise.all(Array.from({ length: 50 }, async () => await open()));
			for (const stream of streams) stream.pause();
			expect(await openDescriptors()).toBeGreaterThanOrEqual(descriptors + streams.length);
			// After the time for the handshake and the time to go
			await waitFor("them to be gone", async () => (await openDescriptors()) < descriptors + streams.length / 2);
			for (const stream of streams) stream[Symbol.dispose]();
		});

		test("answers that are asked for and never read", async () => {
			using stream = await openAuthenticated();
			stream.pause();
			const key = "x".repeat(200_000);
			for (let sent = 0; sent < 1_000 && !stream.closed; sent++) {
				stream.send(`<db:verify from='peer.lab' to='${local.domain}' id='${sent}'>${key}</db:verify>`);
				await sleep(5);
			}
			expect(await areClosed("it", [stream])).toBe(true);
			expect(program().lines.some((line) => line.includes("it does not read what it is answered"))).toBe(true);
		});

		test(`${scaled(1_500, 10_000)} connections that say nothing, from many addresses`, async () => {
			const addresses = await world.network.addAddresses(40);
			const refusedBefore = await metric("xmppfed_connections_refused_total");
			const streams: RawStream[] = [];
			// Not more than the kernel keeps for a process that is busy
			const batchSize = 100;
			for (let count = 0; count < scaled(1_500, 10_000); count += batchSize) {
				const batch = Array.from({ length: batchSize }, async (_, n) => {
					return await RawStream.connect(address(), port, undefined, addresses[(count + n) % addresses.length]);
				});
				streams.push(...(await Promise.all(batch)));
				const negotiating = await metric("xmppfed_streams", { direction: "incoming", state: "Negotiating" });
				expect(negotiating).toBeLessThanOrEqual(1_000 + batchSize);
			}
			expect(await areClosed("all", streams)).toBe(true);
			expect((await metric("xmppfed_connections_refused_total")) - refusedBefore).toBeGreaterThan(0);
			const answered = streams.filter(({ received }) => /<resource-constraint|<connection-timeout/.test(received));
			expect(answered).toHaveLength(streams.length);
			using stream = await waitFor("a peer to be served", openAuthenticated);
			expect(stream.closed).toBe(false);
		});
	});

	test("all the time others were served, and anything leaves the process within its memory limit", async () => {
		for (const each of traffic) {
			const outcome = await each.stop();
			console.log(JSON.stringify(outcome));
			expect(outcome).toMatchObject({ lost: 0, returned: 0, duplicated: 0, outOfOrder: 0 });
		}
		for (const role of ["router", "federation"] as const) {
			const peak = await peakMemory(world.node("gw-1").program(role));
			console.log(`${role}: ${peak} MiB at most`);
			expect(peak).toBeLessThan(gatewayMemoryMiB());
		}
		const faults = program().lines.filter((line) => /Traceback|"level":"error"/.test(line));
		expect(faults).toEqual([]);
	});
});
