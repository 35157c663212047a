import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gatewayMemoryMiB } from "../../src/objects/gateway-memory.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { peakMemory } from "./lib/memory.ts";
import type { Program } from "./lib/program.ts";
import { World } from "./lib/world.ts";

/** A process that stops reading while others send to it: what waits is bounded, and nothing is lost in silence. */
describe("a stalled", () => {
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
		await world.startNodes();
		alice = await world.internalUser("alice");
		bob = await world.peerUser("prosody", "bob");
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "ready"));
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "ready"));
	});

	afterAll(async () => {
		await alice?.[Symbol.asyncDispose]();
		await bob?.[Symbol.asyncDispose]();
		await world?.[Symbol.asyncDispose]();
	});

	/** Sends until errors have come back, lets the program go on, and counts. */
	async function stall(program: Program, from: XmppClient, to: XmppClient) {
		const run = randomUUID();
		const body = "x".repeat(32_000);
		const [arrived, conditions] = [new Set<string>(), new Map<string, string>()];
		const stops = [
			to.observe(({ attrs: { id } }) => id?.startsWith(run) && arrived.add(id)),
			from.observe((stanza) => {
				const id = stanza.attrs.id ?? "";
				if (stanza.attrs.type !== "error" || !id.startsWith(run)) return;
				const error = stanza.getChild("error");
				conditions.set(id, `${error?.getChildElements()[0]?.name} ${error?.attrs.type}`);
			}),
		];
		program.kill("SIGSTOP");
		let sent = 0;
		try {
			// The kernel's buffers take some MiB before anything waits in the gateway.
			for (; conditions.size < 20 && sent < 2_000; sent++) {
				await from.sendMessage(to.fullJid, body, `${run}/${sent}`);
				if (sent % 20 === 0) await sleep(10);
			}
		} finally {
			program.kill("SIGCONT");
		}
		await waitFor(
			"everything to arrive or to come back",
			() => {
				const settled = new Set([...arrived, ...conditions.keys()]).size;
				if (settled < sent) throw new Error(`${settled} of ${sent}, ${conditions.size} came back`);
				return true;
			},
			{ timeout: 60_000 },
		);
		for (const stop of stops) stop();
		console.log(`${program.name}: ${sent} sent, ${arrived.size} arrived, ${conditions.size} came back`);
		return { sent, arrived: arrived.size, conditions: [...conditions.values()] };
	}

	const cases: Record<string, { stalled: () => Program; from: () => XmppClient; to: () => XmppClient }> = {
		peer: { stalled: () => world.server("prosody"), from: () => alice, to: () => bob },
		upstream: { stalled: () => world.server("internal"), from: () => bob, to: () => alice },
		"router, seen by the federation connection manager": {
			stalled: () => world.node("gw-1").program("router"),
			from: () => bob,
			to: () => alice,
		},
		"federation connection manager, seen by the router": {
			stalled: () => world.node("gw-1").program("federation"),
			from: () => alice,
			to: () => bob,
		},
	};

	test.each(Object.entries(cases))("%s", async (_name, { stalled, from, to }) => {
		const { sent, arrived, conditions } = await stall(stalled(), from(), to());
		expect(conditions.length).toBeGreaterThanOrEqual(20);
		expect(new Set(conditions)).toEqual(new Set(["resource-constraint wait"]));
		// Neither lost nor both delivered and answered
		expect(arrived + conditions.length).toBe(sent);
	});

	test("router that dies: what still waited for it comes back", async () => {
		const [conditions, texts]: [string[], string[]] = [[], []];
		const stop = bob.observe((stanza) => {
			if (stanza.attrs.type !== "error") return;
			const error = stanza.getChild("error");
			conditions.push(error?.getChildElements()[0]?.name ?? "");
			texts.push(error?.getChildText("text") ?? "");
		});
		const router = world.node("gw-1").program("router");
		router.kill("SIGSTOP");
		for (let sent = 0; conditions.length < 20 && sent < 2_000; sent++) {
			await bob.sendMessage(alice.fullJid, "x".repeat(32_000));
			if (sent % 20 === 0) await sleep(10);
		}
		expect(new Set(conditions)).toEqual(new Set(["resource-constraint"]));
		router.kill("SIGKILL");
		// Not what came when no router was connected any more
		await waitFor("errors", () => texts.filter((text) => text === "The router is gone").length >= 20);
		stop();
		await router.exit;
		await world.node("gw-1").startRole("router", world.secrets);
		await world.node("gw-1").waitUntilReady();
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "ready"));
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "ready"));
	});

	test("peer that dies: what still waited for it comes back", async () => {
		const conditions: string[] = [];
		const stop = alice.observe((stanza) => {
			if (stanza.attrs.type !== "error") return;
			conditions.push(stanza.getChild("error")?.getChildElements()[0]?.name ?? "");
		});
		world.server("prosody").kill("SIGSTOP");
		for (let sent = 0; conditions.length < 20 && sent < 2_000; sent++) {
			await alice.sendMessage(bob.fullJid, "x".repeat(32_000));
			if (sent % 20 === 0) await sleep(10);
		}
		await world.stopServer("prosody");
		await waitFor("errors", () => conditions.filter((condition) => condition === "remote-server-timeout").length >= 20);
		stop();
		// Not found: what came to the gateway when the peer was gone already
		const possible = ["resource-constraint", "remote-server-timeout", "remote-server-not-found"];
		expect(conditions.filter((condition) => !possible.includes(condition))).toEqual([]);
	});

	test("anything leaves the gateway within its memory limit", async () => {
		for (const role of ["router", "federation"] as const) {
			const peak = await peakMemory(world.node("gw-1").program(role));
			console.log(`${role}: ${peak} MiB at most`);
			expect(peak).toBeLessThan(gatewayMemoryMiB());
		}
	});
});
