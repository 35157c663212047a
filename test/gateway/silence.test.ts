import { expect, test } from "vitest";
import { waitFor } from "../lib/xmpp/wait.ts";
import { peers, World } from "./lib/world.ts";

test("a node that falls silent without a word is given up on both sides of its links", async () => {
	await using world = await World.start({
		internal: "prosody",
		peers: ["prosody"],
		users: ["alice", "bob"],
		nodes: [
			{ name: "gw-1", federation: "Enabled" },
			{ name: "gw-2", federation: "Enabled" },
			{ name: "gw-3", federation: "Disabled" },
		],
	});
	// The internal server has a router that stays: a TCP connection of its own to a silent one is not ours to end.
	world.routers = ["gw-3"];
	await world.publish();
	await world.startNodes();
	await using alice = await world.internalUser("alice");
	await using bob = await world.peerUser("prosody", "bob");
	await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "ready"));

	const status = await Promise.all(["gw-1", "gw-2"].map(async (name) => await world.node(name).status("federation")));
	const busy = status.find(({ streams }) => streams.some(({ peer }) => peer === peers.prosody.domain))?.node ?? "";
	const other = busy === "gw-1" ? "gw-2" : "gw-1";
	await world.setConnected(world.node(busy), false);
	await waitFor(
		"a message to arrive through the other node",
		async () => await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "still there?"), 1_000),
		{ timeout: 60_000 },
	);
	const { links } = await world.node("gw-3").status("router");
	expect(new Set(links.filter(({ state }) => state === "Up").map(({ node }) => node))).toEqual(new Set([other]));
	await waitFor("the other node to give up the silent router", async () => {
		const routers = (await world.node(other).status("federation")).links.map(({ node }) => node);
		return !routers.includes(busy) && routers.includes("gw-3");
	});

	await world.setConnected(world.node(busy), true);
	await waitFor("the links to come back", async () => {
		const routers = await world.node("gw-3").status("router");
		return routers.links.length === 4 && routers.links.every(({ state }) => state === "Up");
	});
});
