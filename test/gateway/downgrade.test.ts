import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { defaultSecurity } from "../../src/model/peer-security.ts";
import { scaled } from "../lib/scale.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { type Change, ManInTheMiddle } from "./lib/man-in-the-middle.ts";
import { local, peers, World } from "./lib/world.ts";

const starttls = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
const offer = /<starttls xmlns=['"]urn:ietf:params:xml:ns:xmpp-tls['"](\/>|>.*?<\/starttls>)/;
/** Whether it begins with a TLS record with a handshake message (RFC 8446 section 5.1). */
const isHandshake = (text: string) => text.startsWith("\u0016\u0003");

/** What somebody does who wants two servers to speak in plain. */
const downgrades: Record<string, () => Change> = {
	"takes the offer of TLS away": () => (text) => ({ forward: text.replace(offer, "") }),
	"takes the offer away and refuses TLS in the other's name": () => (text) => {
		if (text.startsWith("<starttls ")) return { answer: `<failure ${starttls}/></stream:stream>` };
		return { forward: text.replace(offer, "") };
	},
	"breaks the handshake": () => (text, towards) => ({
		forward: towards === "client" && isHandshake(text) ? "\u0015\u0003\u0003\u0000\u0002\u0002\u0028" : text,
	}),
	"breaks the handshake with what is no TLS": () => (text, towards) => ({
		forward: towards === "client" && isHandshake(text) ? "<stream:error/>" : text,
	}),
	"ends the connection at the handshake": () => {
		let isEnded = false;
		return (text) => {
			isEnded ||= isHandshake(text);
			return isEnded ? {} : { forward: text };
		};
	},
};

/** A gateway that requires TLS of one peer, a real one, and of no other; and somebody between the two. */
describe.each(["out", "in"] as const)("a man in the middle, on the way %s,", (direction) => {
	let world: World;
	let alice: XmppClient;
	let bob: XmppClient;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		const weak = { ...defaultSecurity({}), mode: "TLSOptional", peerCertificates: "Opportunistic" } as const;
		const strict = defaultSecurity({});
		node().intent = {
			...node().intent,
			security: weak,
			peers: { [peers.prosody.domain]: strict },
			limits: { handshakeSeconds: 5 },
		};
		const name = direction === "in" ? `gateway.${local.domain}` : `xmpp.${peers.prosody.domain}`;
		await world.publish([`${name}. A ${world.network.address(1)}`]);
		await world.startNodes();
		alice = await world.internalUser("alice");
		bob = await world.peerUser("prosody", "bob");
	});

	afterAll(async () => {
		await alice?.[Symbol.asyncDispose]();
		await bob?.[Symbol.asyncDispose]();
		await world?.[Symbol.asyncDispose]();
	});

	const node = () => world.node("gw-1");

	test.each(scaled(Object.entries(downgrades).slice(0, 3), Object.entries(downgrades)))(
		"who %s, reads nothing and has nothing said in plain",
		async (_what, change) => {
			const target =
				direction === "in" ? { host: node().address, port: podLayout.federationPort } : world.addressOf("prosody");
			using man = await ManInTheMiddle.listen(world.network.address(1), 5269, target, change);
			const [from, to] = direction === "in" ? [bob, alice] : [alice, bob];
			const id = await from.sendMessage(to.fullJid, "a secret");
			// It arrives, inside TLS, or an error comes back.
			await waitFor("an outcome", () =>
				[from, to].some(({ received }) => received.some(({ attrs }) => attrs.id === id)),
			);
			expect(man.seen).toContain("<stream:stream");
			expect(man.seen).not.toMatch(/secret|<message|db:result|db:verify|<auth/);
		},
	);
});
