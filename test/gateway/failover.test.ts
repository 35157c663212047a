import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { scaled } from "../lib/scale.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { GatewayNode, Role } from "./lib/gateway-node.ts";
import { Traffic, type TrafficResult } from "./lib/traffic.ts";
import { peers, World } from "./lib/world.ts";

/** Messages a second, each way, while something is killed. */
const rate = 100;

/** Two Enabled nodes and a Disabled one, with traffic both ways while one of them goes. */
describe("a node goes while messages cross", () => {
	let world: World;
	let inside: XmppClient;
	let outside: XmppClient;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [
				{ name: "gw-1", federation: "Enabled" },
				{ name: "gw-2", federation: "Enabled" },
				{ name: "gw-3", federation: "Disabled" },
			],
		});
		await world.startNodes();
	});

	afterAll(async () => {
		await world?.[Symbol.asyncDispose]();
	});

	beforeEach(async () => {
		inside = await world.internalUser("alice");
		outside = await world.peerUser("prosody", "bob");
		await outside.receiveMessage(await inside.sendMessage(outside.fullJid, "ready"));
		await inside.receiveMessage(await outside.sendMessage(inside.fullJid, "ready"));
	});

	afterEach(async () => {
		await inside?.[Symbol.asyncDispose]();
		await outside?.[Symbol.asyncDispose]();
	});

	/** The Enabled node that carries what goes out to the peer, or comes from it. */
	async function busyNode(wanted: "outgoing" | "incoming" = "outgoing"): Promise<GatewayNode> {
		for (const name of world.linked) {
			const { streams } = await world.node(name).status("federation");
			if (streams.some(({ peer, direction }) => peer === peers.prosody.domain && direction === wanted)) {
				return world.node(name);
			}
		}
		throw new Error("no node has a stream to the peer");
	}

	/** The node whose router the internal server sends to. */
	async function internalServersRouter(): Promise<GatewayNode> {
		for (const node of world.nodes) {
			const { streams } = await node.status("router");
			if (streams.some(({ direction }) => direction === "incoming")) return node;
		}
		throw new Error("no router has a stream of the internal server");
	}

	/** Starts what has ended of a node, brings all DNS records back, and waits until every link is up. */
	async function restore(node: GatewayNode, ended: Role | "both"): Promise<void> {
		if (ended === "both") await node.start(world.secrets);
		else await node.startRole(ended, world.secrets);
		world.linked = ["gw-1", "gw-2"];
		world.published = world.linked;
		world.routers = ["gw-1", "gw-2", "gw-3"];
		await world.publish();
		await node.waitUntilReady();
		for (const { intent } of world.nodes) {
			await waitFor(`every link of ${intent.name} to be up`, async () => {
				const { links } = await world.node(intent.name).status("router");
				return links.length === 4 && links.every(({ state }) => state === "Up");
			});
		}
	}

	function report(what: string, out: TrafficResult, into: TrafficResult): void {
		for (const [direction, result] of Object.entries({ out, in: into })) {
			console.log(
				`${what}, ${direction}: ${result.lost} of ${result.sent} lost, ${result.returned} returned, ` +
					`${result.outOfOrder} out of order, longest gap ${result.longestGap} ms`,
			);
		}
	}

	/** Where something was lost: what the processes that still run say of their streams and links, and said last. */
	async function explain(results: readonly TrafficResult[]): Promise<void> {
		if (results.every(({ lost, returned }) => lost + returned === 0)) return;
		const programs = world.nodes.flatMap((node) => Object.values(node.programs));
		for (const program of [...programs, world.internal]) console.log(program.tail(40));
		for (const node of world.nodes) {
			for (const role of ["router", "federation"] as const) {
				if (node.programs[role]?.ended !== false) continue;
				const { streams, links } = await node.status(role);
				console.log(node.intent.name, role, JSON.stringify({ streams, links }, undefined, "\t"));
			}
		}
	}

	test.each(["outgoing", "incoming"] as const)(
		"the federation connection manager with the %s stream is killed: messages go on through the other node",
		async (direction) => {
			const node = await busyNode(direction);
			const out = new Traffic(inside, outside, rate);
			const into = new Traffic(outside, inside, rate);
			await sleep(2_000);
			const program = node.program("federation");
			program.kill("SIGKILL");
			await program.exit;
			world.linked = world.linked.filter((name) => name !== node.intent.name);
			world.published = world.linked;
			await world.publish();
			const [arrivedOut, arrivedIn] = [out.arrived, into.arrived];
			const goOn = () => out.arrived > arrivedOut + rate && into.arrived > arrivedIn + rate;
			await waitFor("messages to arrive again both ways", goOn);
			const results = await Promise.all([out.stop(), into.stop()]);
			report(`${direction} killed`, ...results);
			for (const result of results) {
				// What was on its way at that moment has no acknowledgement; a second's worth is far more than that.
				expect(result.lost).toBeLessThanOrEqual(rate);
				expect(result.duplicated).toBe(0);
			}
			await restore(node, "federation");
		},
	);

	test("the busy node is stopped, both processes, as its pod is: nothing is lost", async () => {
		const node = await busyNode();
		const name = node.intent.name;
		const out = new Traffic(inside, outside, 200);
		const into = new Traffic(outside, inside, 200);
		await sleep(1_000);
		const programs = [node.program("router"), node.program("federation")];
		for (const program of programs) program.kill("SIGTERM");
		// As in a cluster: out of the Services at once, out of the links name only when the pod is gone.
		world.published = world.published.filter((other) => other !== name);
		world.routers = world.routers.filter((other) => other !== name);
		await world.publish();
		await waitFor("the node to say that it drains", async () => {
			const readiness = await node.readiness("federation");
			return readiness.code === 503 && readiness.reasons.some(({ reason }) => reason === "Draining");
		});
		expect(await Promise.all(programs.map(({ exit }) => exit))).toEqual([0, 0]);
		world.linked = world.linked.filter((other) => other !== name);
		await world.publish();
		await sleep(1_000);
		const results = await Promise.all([out.stop(), into.stop()]);
		report("drained", ...results);
		await explain(results);
		for (const result of results) {
			expect(result).toMatchObject({ lost: 0, returned: 0, duplicated: 0 });
		}
		await restore(node, "both");
	});

	// As on a machine that is too busy: what the others have got they have neither read nor answered, for longer than all
	// of the rest of a drain takes.
	const standing: readonly { readonly stopped: Role; readonly others: Role }[] = [
		{ stopped: "router", others: "federation" },
		{ stopped: "federation", others: "router" },
	];
	test.each([...scaled(standing.slice(0, 1), standing)])(
		"a $stopped process is stopped while every $others process stands still: nothing is lost",
		async ({ stopped, others }) => {
			const node = stopped === "router" ? await internalServersRouter() : await busyNode();
			const program = node.program(stopped);
			const still = world.nodes.flatMap(({ programs }) => programs[others] ?? []);
			// What comes meanwhile comes at once afterwards: at this rate less than may wait for one stream (1 MiB).
			const out = new Traffic(inside, outside, rate);
			const into = new Traffic(outside, inside, rate);
			await sleep(1_000);
			for (const other of still) other.kill("SIGSTOP");
			program.kill("SIGTERM");
			const list = stopped === "router" ? "routers" : "published";
			world[list] = world[list].filter((name) => name !== node.intent.name);
			await world.publish();
			await sleep(14_000);
			for (const other of still) other.kill("SIGCONT");
			expect(await program.exit).toBe(0);
			if (stopped === "federation") world.linked = world.linked.filter((name) => name !== node.intent.name);
			await world.publish();
			await sleep(1_000);
			const results = await Promise.all([out.stop(), into.stop()]);
			report(`${stopped} drained beside others that stood still`, ...results);
			await explain(results);
			for (const result of results) expect(result).toMatchObject({ lost: 0, returned: 0, duplicated: 0 });
			await restore(node, stopped);
		},
	);

	test("the router that the internal server uses is stopped: nothing is lost", async () => {
		const node = await internalServersRouter();
		const out = new Traffic(inside, outside, 200);
		const into = new Traffic(outside, inside, 200);
		await sleep(1_000);
		node.program("router").kill("SIGTERM");
		world.routers = world.routers.filter((other) => other !== node.intent.name);
		await world.publish();
		expect(await node.program("router").exit).toBe(0);
		await sleep(1_000);
		const results = await Promise.all([out.stop(), into.stop()]);
		report("router drained", ...results);
		await explain(results);
		for (const result of results) {
			expect(result).toMatchObject({ lost: 0, returned: 0, duplicated: 0 });
		}
		await restore(node, "router");
	});
});
