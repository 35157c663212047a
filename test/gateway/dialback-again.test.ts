import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../lib/xmpp/wait.ts";
import { PlayedPeers } from "./lib/raw-peer.ts";
import { local, World } from "./lib/world.ts";

let world: World;
let played: PlayedPeers;

beforeAll(async () => {
	world = await World.start({
		internal: "prosody",
		peers: [],
		users: ["alice"],
		nodes: [{ name: "gw-1", federation: "Enabled" }],
	});
	const own = world.network.address(1);
	played = await PlayedPeers.listen(own);
	await world.publish(["_xmpp-server._tcp.peer.lab. SRV 0 0 5269 xmpp.peer.lab.", `xmpp.peer.lab. A ${own}`]);
	await world.startNodes();
});

afterAll(async () => {
	played?.[Symbol.dispose]();
	await world?.[Symbol.asyncDispose]();
});

test("a key that the peer never got an answer about is shown again: what waited is delivered, nothing comes back", async () => {
	// As a peer does that asked a node about it which went before it could answer.
	played.unanswered = 1;
	await using alice = await world.internalUser("alice");
	const id = await alice.sendMessage("bob@peer.lab", "hello");
	await waitFor("the message", () => played.received("peer.lab").includes(id), { timeout: 30_000 });
	const received = played.received("peer.lab");
	expect(received).toMatch(new RegExp(`<message[^>]*from='alice@${local.domain}`));
	const keys = [...received.matchAll(/<db:result [^>]*>([^<]*)</g)].map(([, key]) => key);
	expect(keys).toHaveLength(2);
	expect(keys[0]).toBe(keys[1]);
	expect(alice.received.filter(({ attrs }) => attrs.type === "error")).toEqual([]);
	expect(played.streams.get("peer.lab")).toHaveLength(1);
});
