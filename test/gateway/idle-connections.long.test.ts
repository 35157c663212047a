import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import type { NodeIntent } from "../../src/model/intent.ts";
import { gatewayMemoryMiB } from "../../src/objects/gateway-memory.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { currentMemory, peakMemory } from "./lib/memory.ts";
import { parseOpenMetrics, sumOf } from "./lib/openmetrics.ts";
import { RawStream } from "./lib/raw-stream.ts";
import { Traffic } from "./lib/traffic.ts";
import { World } from "./lib/world.ts";

const connections = 10_000;
const addresses = 40;
/** At once; not more than the kernel keeps for a process that is busy. */
const batchSize = 100;

interface Case {
	readonly limits: string;
	readonly intent: Pick<NodeIntent, "streams" | "limits">;
	/** Most connections that are held at once, and least that must have been. */
	readonly most: number;
	readonly least: number;
}

const cases: readonly Case[] = [
	{ limits: "the defaults", intent: {}, most: 1_000, least: 1_000 },
	{
		limits: "the highest that can be set",
		intent: { streams: { incomingStreams: 10_000 }, limits: { unauthenticatedStreams: 10_000 } },
		most: 10_000,
		// A peer has streams as well.
		least: 9_990,
	},
];

/** Strangers that connect and say nothing, while two real servers exchange messages. */
test.each(cases)(`${connections} idle connections with $limits`, async ({ intent, most, least }) => {
	await using world = await World.start({
		internal: "prosody",
		peers: ["prosody"],
		users: ["alice", "bob"],
		nodes: [{ name: "gw-1", federation: "Enabled" }],
	});
	const node = world.node("gw-1");
	node.intent = { ...node.intent, ...intent };
	await world.startNodes();
	const program = node.program("federation");
	await using alice = await world.internalUser("alice");
	await using bob = await world.peerUser("prosody", "bob");
	await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "ready"));
	await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "ready"));
	const traffic = [new Traffic(alice, bob, 20), new Traffic(bob, alice, 20)];
	const openDescriptors = async () => (await readdir(`/proc/${program.pid}/fd`)).length;
	const negotiating = async () =>
		sumOf(parseOpenMetrics(await (await node.get("federation", "/metrics")).text()), "xmppfed_streams", {
			direction: "incoming",
			state: "Negotiating",
		});
	const before = { descriptors: await openDescriptors(), memory: await currentMemory(program) };

	const own = await world.network.addAddresses(addresses);
	const streams: RawStream[] = [];
	let held = 0;
	for (let count = 0; count < connections; count += batchSize) {
		const batch = Array.from({ length: batchSize }, async (_, n) => {
			return await RawStream.connect(node.address, podLayout.federationPort, undefined, own[(count + n) % addresses]);
		});
		streams.push(...(await Promise.all(batch)));
		held = Math.max(held, await negotiating());
	}
	// The kernel has accepted the last ones a moment before the process does.
	await waitFor(`${least} connections to be held at once`, async () => {
		held = Math.max(held, await negotiating());
		return held >= least;
	});
	const full = await currentMemory(program);
	expect(held).toBeLessThanOrEqual(most);

	await waitFor("all to be closed", () => streams.every(({ closed }) => closed), { timeout: 120_000 });
	expect(streams.filter(({ received }) => !/<resource-constraint|<connection-timeout/.test(received))).toEqual([]);
	await waitFor("their descriptors to be gone", async () => (await openDescriptors()) <= before.descriptors);
	expect(await negotiating()).toBe(0);
	for (const each of traffic) {
		const outcome = await each.stop();
		console.log(JSON.stringify(outcome));
		expect(outcome).toMatchObject({ lost: 0, returned: 0, duplicated: 0, outOfOrder: 0 });
	}
	const peak = await peakMemory(program);
	const limit = gatewayMemoryMiB(intent.streams);
	const after = await currentMemory(program);
	console.log(
		`held ${held} at most; MiB: ${before.memory} before, ${full} with all, ${peak} at most, ${after} after, ${limit} allowed`,
	);
	expect(peak).toBeLessThan(limit);
	// Those who come next are served.
	await using carol = await world.peerUser("prosody", "alice");
	await carol.receiveMessage(await alice.sendMessage(carol.fullJid, "after"));
});
