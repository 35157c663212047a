import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scaled } from "../lib/scale.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { Role } from "./lib/gateway-node.ts";
import { World } from "./lib/world.ts";

const starts = ["gw-1 router", "gw-1 federation", "gw-2 router", "gw-2 federation", "dns", "internal"] as const;
type Start = (typeof starts)[number];

interface Case {
	readonly enabled: readonly string[];
	readonly order: readonly Start[];
}

const randomOrder = () =>
	starts
		.map((start) => ({ start, rank: Math.random() }))
		.toSorted((a, b) => a.rank - b.rank)
		.map(({ start }) => start);
const last = (late: Start) => [...randomOrder().filter((start) => start !== late), late];

const enabledNodes = [[], ["gw-1"], ["gw-1", "gw-2"]] as const;
const cases: readonly Case[] = scaled<readonly Case[]>(
	[
		{ enabled: [], order: last("internal") },
		{ enabled: ["gw-1"], order: last("internal") },
		{ enabled: ["gw-1", "gw-2"], order: last("dns") },
	],
	enabledNodes.flatMap((enabled) =>
		[last("internal"), last("dns"), ...Array.from({ length: 8 }, randomOrder)].map((order) => ({ enabled, order })),
	),
);

/** Everything is down, DNS too, and comes back in any order: nothing waits for what waits for it. */
describe("a cold start of everything at once", () => {
	let world: World;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [
				{ name: "gw-1", federation: "Enabled" },
				{ name: "gw-2", federation: "Enabled" },
			],
		});
	});

	afterAll(async () => {
		await world?.[Symbol.asyncDispose]();
	});

	async function stopEverything(): Promise<void> {
		await world.dns.stop();
		await world.stopServer("internal");
		for (const node of world.nodes) {
			for (const program of Object.values(node.programs)) {
				program.kill("SIGKILL");
				await program.exit;
			}
			node.programs = {};
		}
	}

	async function start(what: Start): Promise<void> {
		if (what === "dns") return await world.dns.resume();
		if (what === "internal") return await world.startServer("internal");
		const [name = "", role = ""] = what.split(" ");
		const node = world.node(name);
		if (role === "router" || node.intent.federation === "Enabled") {
			await node.startRole(role === "router" ? "router" : "federation", world.secrets);
		}
	}

	const reasons = async (name: string, role: Role) =>
		(await world.node(name).readiness(role)).reasons.map(({ reason }) => reason);

	test.each(
		cases.map(({ enabled, order }) => ({ enabled, order, title: `${enabled.length} Enabled: ${order.join(", ")}` })),
	)("$title", async ({ enabled, order }) => {
		await stopEverything();
		for (const node of world.nodes) {
			const isEnabled = enabled.includes(node.intent.name);
			node.intent = { ...node.intent, federation: isEnabled ? "Enabled" : "Disabled", published: isEnabled };
		}
		world.linked = enabled;
		world.published = enabled;
		await world.publish();
		for (const [index, what] of order.entries()) {
			// The last one is late enough for the others to see that it is missing.
			await sleep(index === order.length - 1 ? 4_000 : Math.random() * 300);
			await start(what);
		}
		await Promise.all(world.nodes.map(async (node) => await node.waitUntilReady()));
		await world.waitForServer("internal");
		for (const { intent } of world.nodes) {
			await waitFor(`the router of ${intent.name} to have nothing to say`, async () => {
				const list = await reasons(intent.name, "router");
				return JSON.stringify(list) === JSON.stringify(enabled.length === 0 ? ["NoEnabledNode"] : []);
			});
		}
		await using alice = await world.internalUser("alice");
		await using bob = await world.peerUser("prosody", "bob");
		const none = enabled.length === 0;
		const id = await alice.sendMessage(bob.fullJid, "hello");
		const outcome = none ? (await alice.receiveError(id)).condition : (await bob.receiveMessage(id)).attrs.id;
		expect(outcome).toBe(none ? "remote-server-timeout" : id);
		if (none) return;
		// The peer may remember for a moment that it did not find us.
		await waitFor(
			"a message to come in",
			async () => await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "hello")),
		);
	});
});
