import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { playFederation } from "./lib/raw-link.ts";
import { local, World } from "./lib/world.ts";

test("remote domains in use are bounded, and forgotten when nothing uses them", async () => {
	await using world = await World.start({
		internal: "prosody",
		peers: [],
		users: ["alice"],
		nodes: [{ name: "gw-1", federation: "Disabled" }],
	});
	const node = world.node("gw-1");
	using federation = await playFederation(world.network.address(1), podLayout.linkPort, world.linkFiles);
	world.linked = [];
	await world.publish([`links.gateway.lab. A ${world.network.address(1)}`]);
	await node.startRole("router", world.secrets, "xmppfed_max_domains = 2\nxmppfed_domain_idle = 1\n");
	await using alice = await world.internalUser("alice");
	const link = await federation.link(local.domain);
	const inUse = async () => (await node.status("router")).remoteDomains;

	for (const peer of ["one.lab", "two.lab"]) {
		link.send(`<message from='bob@${peer}' to='${alice.jid}' id='${peer}' type='chat'><body>hello</body></message>`);
		await alice.receiveMessage(peer);
	}
	expect(await inUse()).toEqual({ inUse: 2, limit: 2 });

	link.send(`<message from='bob@three.lab' to='${alice.jid}' id='three' type='chat'><body>hello</body></message>`);
	await link.receive("<resource-constraint");
	expect(link.received).toMatch(
		/<message[^>]*type='error'[^>]*to='bob@three.lab'|<message[^>]*to='bob@three.lab'[^>]*type='error'/,
	);
	expect(alice.received.some(({ attrs }) => attrs.id === "three")).toBe(false);

	// Out of the question for the inside as well: the internal server is told on its stream, and tells its user.
	const error = await alice.receiveError(await alice.sendMessage("bob@four.lab", "hello"));
	expect(error).toMatchObject({ type: "wait", condition: "remote-server-timeout" });
	expect(await inUse()).toEqual({ inUse: 2, limit: 2 });

	// With streams in use they stay, however long nothing is sent.
	await sleep(8_000);
	expect(await inUse()).toEqual({ inUse: 2, limit: 2 });
	world.internal.kill("SIGKILL");
	await waitFor("its streams to be gone", async () => (await node.status("router")).streams.length === 0);
	link.send(`<message from='bob@one.lab' to='${alice.jid}' id='four' type='chat'><body>hello</body></message>`);
	await link.receive("<remote-server-timeout");
	await waitFor("the domains to be forgotten", async () => (await inUse())?.inUse === 0);
});
