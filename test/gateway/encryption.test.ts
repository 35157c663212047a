import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { RawListener, RawStream } from "./lib/raw-stream.ts";
import { local, World } from "./lib/world.ts";

const streamHeader = (attributes: string) =>
	`<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' version='1.0' ${attributes}>`;

/** The test plays a peer that does not encrypt. */
describe("a peer without TLS", () => {
	let world: World;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: [],
			users: ["alice"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		await world.startNodes();
	});

	afterAll(async () => {
		await world?.[Symbol.asyncDispose]();
	});

	test("that comes in is told to encrypt, and refused at once when it goes on without", async () => {
		using stream = await RawStream.connect(world.node("gw-1").address, podLayout.federationPort);
		stream.send(streamHeader(`from='plain.lab' to='${local.domain}'`));
		await stream.receive("</stream:features>");
		expect(stream.received).toContain("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>");
		stream.send(`<db:result from='plain.lab' to='${local.domain}'>key</db:result>`);
		await stream.receive("<policy-violation");
		await waitFor("the stream to be closed", () => stream.closed);
		expect(stream.received).toContain("TLS is required");
	});

	test("that is sent to gets nothing, and the sender an error", async () => {
		const own = world.network.address(1);
		using peer = await RawListener.listen(own, 5269, (stream) => void answerWithoutTls(stream));
		await world.publish(["_xmpp-server._tcp.plain.lab. SRV 0 0 5269 xmpp.plain.lab.", `xmpp.plain.lab. A ${own}`]);
		await using alice = await world.internalUser("alice");
		const error = await alice.receiveError(await alice.sendMessage("bob@plain.lab", "a secret"));
		expect(error).toMatchObject({ type: "wait", condition: "remote-server-timeout" });
		expect(peer.streams).toHaveLength(1);
		expect(peer.streams[0]?.received).toContain("to='plain.lab'");
		expect(peer.streams[0]?.received).not.toMatch(/secret|db:result/);
	});
});

/** Plays a peer's server that knows nothing of TLS. */
async function answerWithoutTls(stream: RawStream): Promise<void> {
	await stream.receive("<stream:stream");
	stream.send(streamHeader(`from='plain.lab' to='${local.domain}' id='1'`));
	stream.send("<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>");
	await stream.receive("<starttls");
	stream.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>");
}
