import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { PlayedPeers, streamHeader } from "./lib/raw-peer.ts";
import { RawStream } from "./lib/raw-stream.ts";
import { local, peers, World } from "./lib/world.ts";

/**
 * A whole gateway between two real servers. The test plays the servers of two more domains: a peer that does what a peer
 * must not do, and a victim, to which the gateway may never say anything.
 */
describe("what comes from outside never goes out again", () => {
	let world: World;
	let alice: XmppClient;
	let bob: XmppClient;
	let played: PlayedPeers;
	const gateway = () => [world.node("gw-1").address, podLayout.federationPort] as const;
	const mallory = "mallory@peer.lab";

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
			["peer.lab", "victim.lab"].flatMap((domain) => [
				`_xmpp-server._tcp.${domain}. SRV 0 0 5269 xmpp.${domain}.`,
				`xmpp.${domain}. A ${own}`,
			]),
		);
		await world.startNodes();
		alice = await world.internalUser("alice");
		bob = await world.peerUser("prosody", "bob");
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "ready"));
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "ready"));
	});

	afterAll(async () => {
		await alice?.[Symbol.asyncDispose]();
		await bob?.[Symbol.asyncDispose]();
		played?.[Symbol.dispose]();
		await world?.[Symbol.asyncDispose]();
	});

	const authenticated = async () => await played.openAuthenticated(...gateway(), "peer.lab", local.domain);
	const message = (from: string, to: string, id: string) =>
		`<message from='${from}' to='${to}' id='${id}' type='chat'><body>${id}</body></message>`;
	/** Who got a message, by the time that those sent later have arrived; and whether the victim was talked to. */
	async function reached(id: string): Promise<string[]> {
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "later"));
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "later"));
		const got = [alice, bob].filter(({ received }) => received.some(({ attrs }) => attrs.id === id));
		return [...got.map(({ jid }) => jid), ...(played.streams.has("victim.lab") ? ["the victim"] : [])];
	}

	test("the played peer is one: its messages arrive, and what is answered comes back to it", async () => {
		using stream = await authenticated();
		stream.send(message(mallory, alice.fullJid, "good"));
		await alice.receiveMessage("good");
		stream.send(message(mallory, `nobody@${local.domain}`, "to-nobody"));
		await waitFor("the error", () => /<message[^>]*id='to-nobody'/.test(played.received("peer.lab")));
		expect(played.streams.get("victim.lab")).toBeUndefined();
	});

	test("a stream for a domain that is not ours is refused", async () => {
		for (const to of [peers.prosody.domain, "victim.lab"]) {
			using stream = await RawStream.connect(...gateway());
			stream.send(streamHeader(`from='peer.lab' to='${to}'`));
			await waitFor("the stream to be closed", () => stream.closed);
			expect(stream.received).toContain("host-unknown");
			expect(stream.received).not.toContain("<stream:features");
		}
	});

	test("dialback for a domain that is not ours is refused, also on a stream that is authenticated", async () => {
		using stream = await authenticated();
		stream.send("<db:result from='peer.lab' to='victim.lab'>key</db:result>");
		await waitFor("the stream to be closed", () => stream.closed);
		expect(await reached("none")).toEqual([]);
	});

	test.each([
		["a victim", "carol@victim.lab"],
		["another peer", `bob@${peers.prosody.domain}`],
	])("a stanza that an authenticated peer addresses to %s goes nowhere", async (_whom, to) => {
		using stream = await authenticated();
		stream.send(message(mallory, to, "relayed"));
		await waitFor("the stream to be closed", () => stream.closed);
		expect(await reached("relayed")).toEqual([]);
	});

	test.each([
		["a victim", "carol@victim.lab"],
		["another peer", `bob@${peers.prosody.domain}`],
		["us", `admin@${local.domain}`],
	])("a stanza in the name of %s goes nowhere, and no error for it to whoever is named", async (_whom, from) => {
		using stream = await authenticated();
		stream.send(message(from, `nobody@${local.domain}`, "forged"));
		await waitFor("the stream to be closed", () => stream.closed);
		expect(await reached("forged")).toEqual([]);
	});

	test("a stanza before authentication goes nowhere", async () => {
		using stream = await PlayedPeers.open(...gateway(), "peer.lab", local.domain);
		stream.send(message(mallory, alice.fullJid, "early"));
		expect(await reached("early")).toEqual([]);
	});
});
