import { type Element, xml } from "@xmpp/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { settingsFiles } from "../../src/gateway/settings.ts";
import { StanzaErrorReceived, type XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { applyMapping, filesOf } from "./lib/email-addresses.ts";
import { parseOpenMetrics, sumOf } from "./lib/openmetrics.ts";
import { local, peers, type ServerKind, serverKinds, World } from "./lib/world.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.keys has no better type
const kinds = Object.keys(serverKinds) as ServerKind[];
const at = (user: string) => `${user}@${local.domain}`;
const address = at("alice.liddell");
const mapping = { [at("alice")]: address, [at("bob")]: at("bob.byron") };
const mucAdmin = "http://jabber.org/protocol/muc#admin";

/**
 * Users who are known outside by their email addresses (R13), with real servers on both sides. Inside alice and bob have an
 * address; carol and dave have none. Outside is bob of each peer.
 */
describe("email addresses", () => {
	let world: World;
	let alice: XmppClient;
	let carol: XmppClient;
	const bobs = new Map<ServerKind, XmppClient>();
	const node = () => world.node("gw-1");

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: kinds,
			users: ["alice", "bob", "carol", "dave"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		node().intent = { ...node().intent, emailAddresses: true, unmappedUsers: "Refuse" };
		await node().mountEmailAddresses({});
		await world.startNodes();
		alice = await world.internalUser("alice");
		carol = await world.internalUser("carol");
		for (const kind of kinds) bobs.set(kind, await world.peerUser(kind, "bob"));
	});

	afterAll(async () => {
		for (const client of [alice, carol, ...bobs.values()]) await client?.[Symbol.asyncDispose]();
		await world?.[Symbol.asyncDispose]();
	});

	const bob = (kind: ServerKind) => {
		const client = bobs.get(kind);
		if (!client) throw new Error(`there is no bob at ${kind}`);
		return client;
	};
	const resourceOf = ({ fullJid, jid }: XmppClient) => fullJid.slice(jid.length);
	const refused = async (reason: string) => {
		const samples = parseOpenMetrics(await (await node().get("router", "/metrics")).text());
		return sumOf(samples, "xmppfed_email_addresses_refused_total", { reason });
	};
	const requestError = async (client: XmppClient, to: string, payload: Element) => {
		const answer = await client.request(to, "get", payload).catch((error: unknown) => error);
		if (!(answer instanceof StanzaErrorReceived)) throw new Error(`no error: ${String(answer)}`);
		return answer.error;
	};

	test("while there is no mapping nothing of users passes, and nothing that would end a subscription", async () => {
		const unknown = { type: "wait", condition: "internal-server-error" };
		expect(await alice.receiveError(await alice.sendMessage(bob("prosody").jid, "out"))).toMatchObject(unknown);
		for (const to of [address, at("alice"), at("nobody")]) {
			await bob("prosody").send(xml("presence", { to, type: "probe" }));
			expect(await bob("prosody").receiveError(await bob("prosody").sendMessage(to, "in"))).toMatchObject(unknown);
		}
		expect(
			bob("prosody").received.filter((stanza) => stanza.is("presence") && stanza.attrs.from?.includes(local.domain)),
		).toEqual([]);
		expect((await node().status("router")).emailAddresses).toEqual({
			mappings: 0,
			unmappedUsers: "Refuse",
			failure: "index.json is missing",
		});
		expect(await bob("prosody").discoverFeatures(local.domain)).toContain("http://jabber.org/protocol/disco#info");
		await applyMapping(node(), mapping);
		expect((await node().status("router")).emailAddresses).toMatchObject({ mappings: 2, unmappedUsers: "Refuse" });
	});

	describe.each(kinds)("with %s", (kind) => {
		const outside = () => bob(kind);

		test("messages: the address is seen outside, the user inside, and what is written stays", async () => {
			const text = `I am ${at("alice")}, mail to ${address}`;
			const out = await outside().receiveMessage(await alice.sendMessage(outside().fullJid, text));
			expect(out.attrs.from).toBe(`${address}${resourceOf(alice)}`);
			expect(out.getChildText("body")).toBe(text);
			for (const to of [address, out.attrs.from ?? ""]) {
				const into = await alice.receiveMessage(await outside().sendMessage(to, text));
				expect(into.attrs.to).toBe(to === address ? alice.jid : alice.fullJid);
				expect(into.attrs.from).toBe(outside().fullJid);
				expect(into.getChildText("body")).toBe(text);
			}
		});

		test("presence: both subscribe to each other, and the roster outside has the address", async () => {
			await Promise.all([alice.requestSubscription(outside().jid), outside().grantSubscription(address)]);
			await alice.receivePresence(outside().jid, "subscribed");
			await alice.receivePresence(outside().fullJid);
			await Promise.all([outside().requestSubscription(address), alice.grantSubscription(outside().jid)]);
			await outside().receivePresence(address, "subscribed");
			await outside().receivePresence(`${address}${resourceOf(alice)}`);
			const roster = async (client: XmppClient) => {
				const result = await client.request(client.jid, "get", xml("query", { xmlns: "jabber:iq:roster" }));
				const items = result.getChild("query")?.getChildren("item") ?? [];
				return items.map(({ attrs }) => [attrs["jid"], attrs["subscription"]]);
			};
			await waitFor("both rosters", async () => {
				expect(await roster(outside())).toContainEqual([address, "both"]);
				expect(await roster(alice)).toContainEqual([outside().jid, "both"]);
				return true;
			});
		});

		test("requests: ping both ways, vCard", async () => {
			await alice.ping(outside().fullJid);
			await outside().ping(`${address}${resourceOf(alice)}`);
			const card = xml(
				"vCard",
				{ xmlns: "vcard-temp" },
				xml("JABBERID", {}, at("alice")),
				xml("NOTE", {}, at("alice")),
			);
			await alice.request(alice.jid, "set", card);
			const result = await outside().request(address, "get", xml("vCard", { xmlns: "vcard-temp" }));
			expect(result.attrs.from).toBe(address);
			const found = result.getChild("vCard");
			expect([found?.getChildText("JABBERID"), found?.getChildText("NOTE")]).toEqual([address, at("alice")]);
		});

		test.each([
			["inside", () => `from-${kind}@${local.rooms}`],
			["outside", () => `room@${peers[kind].rooms}`],
		])(
			"in a room that is %s its owner outside sees the address, and the user inside her own name",
			async (_, roomOf) => {
				const room = roomOf();
				const seen = (client: XmppClient) =>
					client.received
						.filter(({ attrs }) => attrs.from === `${room}/alice`)
						.flatMap(
							(stanza) =>
								stanza.getChild("x", "http://jabber.org/protocol/muc#user")?.getChild("item")?.attrs["jid"] ?? [],
						);
				await outside().joinRoom(room, "bob");
				await alice.joinRoom(room, "alice");
				await outside().receivePresence(`${room}/alice`);
				await outside().sendGroupchat(room, "hello");
				await alice.receiveGroupchat(room, "hello");
				await alice.sendGroupchat(room, `I am ${at("alice")}`);
				await outside().receiveGroupchat(room, `I am ${at("alice")}`);
				expect(new Set(seen(outside()))).toEqual(new Set([`${address}${resourceOf(alice)}`]));
				expect(new Set(seen(alice))).toEqual(new Set(seen(alice).map(() => alice.fullJid)));
				// Who is an owner there is named by the address outside, and inside by the user.
				const owners = (item: Element) => xml("query", { xmlns: mucAdmin }, item);
				await outside().request(room, "set", owners(xml("item", { affiliation: "owner", jid: address })));
				for (const [client, name] of [
					[alice, at("alice")],
					[outside(), address],
				] as const) {
					const list = await client.request(room, "get", owners(xml("item", { affiliation: "owner" })));
					const names = list
						.getChild("query")
						?.getChildren("item")
						.map(({ attrs }) => attrs["jid"]);
					expect(new Set(names)).toEqual(new Set([name, outside().jid]));
				}
				await outside().inviteToRoom(room, at("bob.byron"), room);
				await alice.inviteToRoom(room, outside().jid, `${room} from alice`);
				expect(await outside().receiveInvitation(room, `${room} from alice`)).toMatch(new RegExp(`^${address}(/|$)`));
			},
		);

		test("who is invited by the address is the user, by a room and by a message", async () => {
			await using inside = await world.internalUser("bob");
			const room = `room@${peers[kind].rooms}`;
			await outside().joinRoom(room, "bob");
			await outside().inviteToRoom(room, at("bob.byron"), "come");
			const inviter = { prosody: `${room}/bob`, ejabberd: outside().fullJid }[kind];
			expect(await inside.receiveInvitation(room, "come")).toBe(inviter);
			const id = `direct-${kind}`;
			await outside().send(
				xml("message", { to: at("bob.byron"), id }, xml("x", { xmlns: "jabber:x:conference", jid: room })),
			);
			const invitation = await inside.receiveMessage(id);
			expect(invitation.attrs.to).toBe(at("bob"));
			expect(invitation.getChild("x")?.attrs["jid"]).toBe(room);
		});

		test("errors come back to who sent: nobody there, here, and no such server", async () => {
			const nobody = await alice.receiveError(await alice.sendMessage(`nobody@${peers[kind].domain}`, "hello"));
			expect(nobody).toMatchObject({ type: "cancel", condition: "service-unavailable" });
			const noServer = await alice.receiveError(await alice.sendMessage(`nobody@unknown-${kind}.lab`, "hello"));
			expect(noServer).toMatchObject({ type: "cancel", condition: "remote-server-not-found" });
			// Of the internal server, about a session that is gone.
			const gone = await requestError(outside(), `${address}/gone`, xml("ping", { xmlns: "urn:xmpp:ping" }));
			expect(gone).toMatchObject({ condition: "service-unavailable" });
		});
	});

	test("carbons and what is forwarded name people as the side does that they are on", async () => {
		await using other = await world.internalUser("alice");
		await other.request(other.jid, "set", xml("enable", { xmlns: "urn:xmpp:carbons:2" }));
		const id = await bob("prosody").sendMessage(`${address}${resourceOf(alice)}`, "hello");
		const copy = await other.receive(
			"a carbon",
			(stanza) => stanza.getChild("received", "urn:xmpp:carbons:2") !== undefined,
		);
		const message = copy.getChild("received")?.getChild("forwarded")?.getChild("message");
		expect([message?.attrs["id"], message?.attrs["to"]]).toEqual([id, alice.fullJid]);
		const forwarded = xml(
			"forwarded",
			{ xmlns: "urn:xmpp:forward:0" },
			xml("delay", { xmlns: "urn:xmpp:delay", from: at("alice"), stamp: "2026-01-01T00:00:00Z" }),
			xml("message", { xmlns: "jabber:client", from: alice.fullJid, to: at("bob") }, xml("body", {}, at("bob"))),
		);
		await alice.send(xml("message", { to: bob("prosody").fullJid, id: "forwarded" }, forwarded));
		const seen = (await bob("prosody").receiveMessage("forwarded")).getChild("forwarded");
		expect(seen?.getChild("delay")?.attrs["from"]).toBe(address);
		expect(seen?.getChild("message")?.attrs).toMatchObject({
			from: `${address}${resourceOf(alice)}`,
			to: at("bob.byron"),
		});
		expect(seen?.getChild("message")?.getChildText("body")).toBe(at("bob"));
	});

	test("a mapping that changes while messages flow is taken over without a restart, and loses none", async () => {
		const outside = bob("prosody");
		const { started } = await node().status("router");
		const ids: string[] = [];
		const end = new AbortController();
		const sending = (async () => {
			while (!end.signal.aborted) {
				ids.push(await alice.sendMessage(outside.fullJid, "flow"));
				await new Promise((resolve) => setTimeout(resolve, 20));
			}
		})();
		await applyMapping(node(), { ...mapping, [at("alice")]: at("alice.new") });
		end.abort();
		await sending;
		const last = await alice.sendMessage(outside.fullJid, "flow");
		expect((await outside.receiveMessage(last)).attrs.from).toBe(`${at("alice.new")}${resourceOf(alice)}`);
		const senders = outside.received.filter(({ attrs }) => ids.includes(attrs.id ?? "")).map(({ attrs }) => attrs.from);
		expect(senders).toHaveLength(ids.length);
		const before = `${address}${resourceOf(alice)}`;
		expect(senders).toEqual([
			...senders.filter((sender) => sender === before),
			...senders.filter((sender) => sender === `${at("alice.new")}${resourceOf(alice)}`),
		]);
		expect(senders[0]).toBe(before);
		expect((await node().status("router")).started).toBe(started);
		await applyMapping(node(), mapping);
	});

	/** What a peer is told of people who are not known there. */
	async function answersFor(user: string) {
		const outside = bob("prosody");
		const payloads = ["http://jabber.org/protocol/disco#info", "vcard-temp"];
		const before = outside.received.length;
		await outside.requestSubscription(at(user));
		const message = await outside.receiveError(await outside.sendMessage(at(user), "hello"));
		const requests = [];
		for (const xmlns of payloads) {
			requests.push(await requestError(outside, at(user), xml(xmlns === "vcard-temp" ? "vCard" : "query", { xmlns })));
		}
		requests.push(await requestError(outside, `${at(user)}/x`, xml("ping", { xmlns: "urn:xmpp:ping" })));
		const others = outside.received.slice(before).filter((stanza) => stanza.is("presence"));
		return { message, requests, presence: others.map(({ attrs }) => [attrs.from?.replace(user, "USER"), attrs.type]) };
	}

	test("Refuse: who has no address sends nothing out, and nobody can tell by asking who is there", async () => {
		const before = { out: await refused("UnmappedUser"), into: await refused("UnknownAddress") };
		const error = await carol.receiveError(await carol.sendMessage(bob("prosody").fullJid, "hello"));
		expect(error).toEqual({
			type: "auth",
			condition: "forbidden",
			text: `${at("carol")} has no email address, and other servers know users of this one by their email addresses only`,
		});
		const nobody = await answersFor("nobody");
		expect(nobody.message).toEqual({
			type: "cancel",
			condition: "service-unavailable",
			text: "Nobody has this address here",
		});
		for (const user of ["alice", "carol"]) expect(await answersFor(user)).toEqual(nobody);
		expect(
			carol.received.filter(({ attrs }) => attrs.from?.startsWith(bob("prosody").jid) && attrs.type !== "error"),
		).toEqual([]);
		expect(await refused("UnmappedUser")).toBe(before.out + 1);
		expect(await refused("UnknownAddress")).toBe(before.into + 3 * 5);
	});

	test("who writes an address inside is told whose it is", async () => {
		const invitation = xml(
			"addresses",
			{ xmlns: "http://jabber.org/protocol/address" },
			xml("address", { type: "cc", jid: at("bob.byron") }),
		);
		await alice.send(xml("message", { to: bob("prosody").fullJid, id: "misnamed" }, invitation));
		expect(await alice.receiveError("misnamed")).toEqual({
			type: "modify",
			condition: "not-acceptable",
			text: `${at("bob.byron")} is an email address: on this server that user is ${at("bob")}`,
		});
	});

	test("PassThrough: who has no address goes by name, unless that is another's address", async () => {
		// Meanwhile there is a mapping that cannot be used: a file of it is another one.
		await node().mountEmailAddresses({
			...filesOf({ ...mapping, [at("alice")]: at("wrong") }),
			0: "of another time",
		});
		node().intent = { ...node().intent, unmappedUsers: "PassThrough" };
		await node().mountSettings(settingsFiles(node().intent));
		await waitFor(
			"PassThrough to be in force",
			async () => (await node().inForce("router")).emailAddresses?.unmappedUsers === "PassThrough",
		);
		const outside = bob("prosody");
		const out = await outside.receiveMessage(await carol.sendMessage(outside.fullJid, "out"));
		expect(out.attrs.from).toBe(carol.fullJid);
		expect((await carol.receiveMessage(await outside.sendMessage(carol.fullJid, "in"))).attrs.to).toBe(carol.fullJid);
		// What the internal server says of a name that it does not know is said of names that are not known outside.
		const nobody = await answersFor("nobody");
		for (const user of ["alice", "bob"]) expect(await answersFor(user)).toEqual(nobody);

		const failure = "file 0 is of another mapping";
		await waitFor(
			"the mapping to be reported",
			async () => (await node().inForce("router")).emailAddresses?.failure === failure,
		);
		const samples = parseOpenMetrics(await (await node().get("router", "/metrics")).text());
		expect([
			sumOf(samples, "xmppfed_email_addresses_current", {}),
			sumOf(samples, "xmppfed_email_addresses", {}),
		]).toEqual([0, 2]);
		const still = await outside.receiveMessage(await alice.sendMessage(outside.fullJid, "still"));
		expect(still.attrs.from).toBe(`${address}${resourceOf(alice)}`);

		// An address may be of another local domain, and somebody's name.
		await applyMapping(node(), { [at("alice")]: at("carol"), [at("bob")]: `bob@${local.rooms}` });
		expect(await carol.receiveError(await carol.sendMessage(outside.fullJid, "refused"))).toEqual({
			type: "auth",
			condition: "forbidden",
			text: `${at("carol")} is the email address of ${at("alice")}: a user who has another's address as name cannot reach other servers`,
		});
		await using inside = await world.internalUser("bob");
		const elsewhere = await outside.receiveMessage(await inside.sendMessage(outside.fullJid, "from elsewhere"));
		expect(elsewhere.attrs.from).toBe(`bob@${local.rooms}${resourceOf(inside)}`);
		await inside.receiveMessage(await outside.sendMessage(elsewhere.attrs.from ?? "", "back"));
		await applyMapping(node(), mapping);
	});

	test("errors that the router makes itself come to the user as well", async () => {
		node().program("federation").kill("SIGKILL");
		await node().program("federation").exit;
		const condition = await waitFor("an error without a link", async () => {
			const error = await alice.receiveError(await alice.sendMessage(bob("prosody").fullJid, "hello"));
			return error.condition !== "remote-server-not-found" && error.condition;
		});
		expect(condition).toBe("remote-server-timeout");
	});
});
