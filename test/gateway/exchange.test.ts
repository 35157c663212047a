import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { local, peers, type ServerKind, serverKinds, World } from "./lib/world.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.keys has no better type
const kinds = Object.keys(serverKinds) as ServerKind[];

/** What people do with each other across a gateway, with either server inside and either server outside. */
describe.each(kinds)("internal server %s", (internal) => {
	let world: World;

	beforeAll(async () => {
		world = await World.start({
			internal,
			peers: kinds,
			users: ["alice", "bob"],
			nodes: [
				{ name: "gw-1", federation: "Enabled" },
				{ name: "gw-2", federation: "Disabled" },
			],
		});
		await world.startNodes();
	});

	afterAll(async () => {
		await world?.[Symbol.asyncDispose]();
	});

	describe.each(kinds)("peer %s", (kind) => {
		let inside: XmppClient;
		let outside: XmppClient;

		beforeAll(async () => {
			inside = await world.internalUser("alice");
			outside = await world.peerUser(kind, "bob");
		});

		afterAll(async () => {
			await inside?.[Symbol.asyncDispose]();
			await outside?.[Symbol.asyncDispose]();
		});

		test("messages, out and in, in order", async () => {
			const out = [];
			const into = [];
			for (let count = 0; count < 20; count++) {
				out.push(await inside.sendMessage(outside.fullJid, `out ${count}`));
				into.push(await outside.sendMessage(inside.fullJid, `in ${count}`));
			}
			await outside.receiveMessage(out.at(-1) ?? "");
			await inside.receiveMessage(into.at(-1) ?? "");
			const order = (client: XmppClient) =>
				client.received.filter((stanza) => stanza.is("message")).map((stanza) => stanza.getChildText("body"));
			expect(order(outside)).toEqual(out.map((_, count) => `out ${count}`));
			expect(order(inside)).toEqual(into.map((_, count) => `in ${count}`));
		});

		test("characters arrive as they were sent", async () => {
			const text = `<&>"' ]]> \u00fc \u{1f600}\t\n.`;
			const message = await outside.receiveMessage(await inside.sendMessage(outside.jid, text));
			expect(message.getChildText("body")).toBe(text);
		});

		test("presence: both subscribe to each other and see each other come", async () => {
			await Promise.all([inside.requestSubscription(outside.jid), outside.grantSubscription(inside.jid)]);
			await inside.receivePresence(outside.jid, "subscribed");
			await inside.receivePresence(outside.fullJid);
			await Promise.all([outside.requestSubscription(inside.jid), inside.grantSubscription(outside.jid)]);
			await outside.receivePresence(inside.jid, "subscribed");
			expect((await outside.receivePresence(inside.fullJid)).attrs.to).toContain(outside.jid);
		});

		test("ping, out and in", async () => {
			expect(await inside.ping(outside.fullJid)).toBeGreaterThan(0);
			expect(await outside.ping(inside.fullJid)).toBeGreaterThan(0);
		});

		test("discovery, out and in", async () => {
			expect(await inside.discoverFeatures(peers[kind].domain)).toContain("http://jabber.org/protocol/disco#info");
			expect(await outside.discoverFeatures(local.domain)).toContain("http://jabber.org/protocol/disco#info");
			expect(await outside.discoverFeatures(local.rooms)).toContain("http://jabber.org/protocol/muc");
		});

		test.each([
			["inside", () => `from-${kind}@${local.rooms}`],
			["outside", () => `room@${peers[kind].rooms}`],
		])("both talk in a room that is %s", async (_, roomOf) => {
			const room = roomOf();
			await inside.joinRoom(room, "alice");
			await outside.joinRoom(room, "bob");
			await inside.receivePresence(`${room}/bob`);
			await inside.sendGroupchat(room, "hello from inside");
			await outside.receiveGroupchat(room, "hello from inside");
			await outside.sendGroupchat(room, "hello from outside");
			const message = await inside.receiveGroupchat(room, "hello from outside");
			expect(message.attrs.from).toBe(`${room}/bob`);
		});

		test("every stream with the peer is encrypted and says how the peer was identified", async () => {
			const { streams } = await world.node("gw-1").status("federation");
			const ofPeer = streams.filter(({ peer }) => peer === peers[kind].domain || peer === peers[kind].rooms);
			expect(new Set(ofPeer.map(({ direction }) => direction))).toEqual(new Set(["incoming", "outgoing"]));
			const { trusted } = peers[kind];
			for (const stream of ofPeer) {
				expect(stream).toMatchObject({
					state: "Authenticated",
					tls: { version: "TLSv1.3", cipher: expect.stringMatching(/^TLS_/) },
					authentication: trusted ? "SASL EXTERNAL" : "dialback in TLS",
					certificate: { state: trusted ? "Valid" : "Untrusted", notAfter: expect.stringMatching(/^20\d\d-.*Z$/) },
				});
			}
		});
	});

	test("an unknown domain is told to the sender as remote-server-not-found", async () => {
		await using alice = await world.internalUser("alice");
		const id = await alice.sendMessage("nobody@unknown.lab", "hello");
		expect(await alice.receiveError(id)).toMatchObject({ type: "cancel", condition: "remote-server-not-found" });
	});
});
