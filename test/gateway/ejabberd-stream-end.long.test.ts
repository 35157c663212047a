import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Traffic } from "./lib/traffic.ts";
import { World } from "./lib/world.ts";

const seconds = 30;
/** Messages in a second. */
const rate = 300;

/**
 * No gateway: an ejabberd sends to a Prosody, which closes the stream in order three times a second and takes what still
 * comes until the ejabberd has closed its side (RFC 6120, section 4.4). What is lost then is lost in the ejabberd, so tests
 * of the gateway cannot hold it to account for what an ejabberd sent when a stream ended. When this fails, ejabberd loses
 * nothing any more, and test/cluster/restart.test.ts must take no loss of it either.
 */
test("an ejabberd forgets some of what it sends while the other side closes the stream", async () => {
	await using world = await World.start({
		internal: "prosody",
		peers: ["prosody", "ejabberd"],
		users: ["alice", "bob"],
		nodes: [],
		closesStreamsEvery: 0.3,
	});
	await using ejabberd = await world.peerUser("ejabberd", "alice");
	await using prosody = await world.peerUser("prosody", "bob");
	await prosody.receiveMessage(await ejabberd.sendMessage(prosody.fullJid, "ready"));
	const traffic = new Traffic(ejabberd, prosody, rate);
	await sleep(seconds * 1000);
	const { sent, lost, returned } = await traffic.stop();
	console.log(`${lost} of ${sent} lost, ${returned} returned`);
	expect(sent).toBeGreaterThan((seconds * rate) / 2);
	expect(lost).toBeGreaterThan(0);
});
