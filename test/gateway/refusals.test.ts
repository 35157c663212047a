import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { playFederation } from "./lib/raw-link.ts";
import { RawListener, RawStream } from "./lib/raw-stream.ts";
import { local, peers, World } from "./lib/world.ts";

const header = (attributes: string) =>
	`<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' version='1.0' ${attributes}>`;

/** What the router must not do, whoever asks. The test itself plays a stranger, and a federation connection manager. */
describe("the router is no relay", () => {
	let world: World;
	let alice: XmppClient;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [{ name: "gw-1", federation: "Disabled" }],
		});
		await world.startNodes();
		alice = await world.internalUser("alice");
	});

	afterAll(async () => {
		await alice?.[Symbol.asyncDispose]();
		await world?.[Symbol.asyncDispose]();
	});

	const connect = async () => await RawStream.connect(world.node("gw-1").address, podLayout.routerPort);

	test("a stream whose 'from' is not a local domain is refused", async () => {
		using stream = await connect();
		stream.send(header(`from='stranger.lab' to='${peers.prosody.domain}'`));
		await stream.receive("policy-violation");
		await waitFor("the stream to be closed", () => stream.closed);
		expect(stream.received).toContain("it takes streams from its own internal server only");
	});

	test("a stream without 'from' is refused as soon as it names a domain that is not local", async () => {
		using stream = await connect();
		stream.send(header(`to='${peers.prosody.domain}'`));
		await stream.receive("<stream:features");
		stream.send(`<db:result from='stranger.lab' to='${peers.prosody.domain}'>key</db:result>`);
		await stream.receive("policy-violation");
		await waitFor("the stream to be closed", () => stream.closed);
		expect(stream.received).not.toContain("<db:result");
	});

	test("a stream for a local domain is refused", async () => {
		using stream = await connect();
		stream.send(header(`from='${local.domain}' to='${local.rooms}'`));
		await stream.receive("host-unknown");
		await waitFor("the stream to be closed", () => stream.closed);
		expect(stream.received).not.toContain("<stream:features");
	});

	test("who only claims to be the internal server is not believed", async () => {
		using stream = await connect();
		stream.send(header(`from='${local.domain}' to='${peers.prosody.domain}'`));
		await stream.receive("<stream:features");
		stream.send(`<db:result from='${local.domain}' to='${peers.prosody.domain}'>key</db:result>`);
		await stream.receive("type='invalid'");
		const to = `bob@${peers.prosody.domain}`;
		stream.send(`<message from='${alice.fullJid}' to='${to}' id='forged'><body>hello</body></message>`);
		// Were it relayed, its error would come before that of a real one that is sent later.
		await alice.receiveError(await alice.sendMessage(to, "hello"));
		expect(alice.received.filter(({ attrs }) => attrs.id === "forged")).toEqual([]);
	});

	test("what comes in on a link reaches the internal server only, and never as one of its own", async () => {
		const own = world.network.address(1);
		using victim = await RawListener.listen(own, 5269);
		using federation = await playFederation(own, podLayout.linkPort, world.linkFiles);
		await world.publish([
			`links.gateway.lab. A ${own}`,
			"_xmpp-server._tcp.victim.lab. SRV 0 0 5269 xmpp.victim.lab.",
			`xmpp.victim.lab. A ${own}`,
		]);
		const link = await federation.link(local.domain);
		const message = (from: string, to: string, id: string) =>
			link.send(`<message from='${from}' to='${to}' id='${id}' type='chat'><body>${id}</body></message>`);
		message("bob@victim.lab", "carol@victim.lab", "to-outside");
		message("bob@prosody.lab", "carol@victim.lab", "to-another-outside");
		message(`admin@${local.domain}`, alice.jid, "spoofed");
		message("", alice.jid, "from-nobody");
		message("bob@prosody.lab", "", "to-nobody");
		message("bob@prosody.lab", alice.jid, "good");
		await alice.receiveMessage("good");
		const messages = alice.received.filter((stanza) => stanza.is("message") && stanza.attrs.type === "chat");
		expect(messages.map(({ attrs }) => attrs.id)).toEqual(["good"]);
		expect(victim.streams).toEqual([]);
		const dropped = world
			.node("gw-1")
			.program("router")
			.lines.filter((line) => line.includes("Dropped a message"));
		expect(dropped).toHaveLength(5);
	});
});
