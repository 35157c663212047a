import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { Link } from "./lib/gateway-node.ts";
import { local, World } from "./lib/world.ts";

/** Which addresses a router links to, as DNS changes. Each test goes on from where the one before it ended. */
describe("addresses of the links name", () => {
	let world: World;
	const name = "links.gateway.lab.";
	// Where gateway nodes are numbered from 30 on.
	const first = () => world.network.address(30);
	const second = () => world.network.address6(31);

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: [],
			users: ["alice"],
			nodes: [
				{ name: "gw-1", federation: "Enabled" },
				{ name: "gw-2", federation: "Enabled" },
				{ name: "gw-3", federation: "Disabled" },
			],
		});
		world.linked = [];
		await world.publish([`${name} A ${first()}`, `${name} AAAA ${second()}`]);
		await world.startNodes();
	});

	afterAll(async () => {
		await world?.[Symbol.asyncDispose]();
	});

	const links = async (): Promise<readonly Link[]> =>
		(await world.node("gw-3").status("router")).links.filter(({ domain }) => domain === local.domain);
	const up = async () =>
		(await links())
			.filter(({ state }) => state === "Up")
			.map(({ node, address }) => `${node} ${address}`)
			.toSorted();
	const reasons = async () => (await world.node("gw-3").readiness("router")).reasons.map(({ reason }) => reason);

	test("there is a link to each address, IPv4 and IPv6", async () => {
		await waitFor("both links", async () => (await up()).length === 2);
		expect(await up()).toEqual([`gw-1 ${first()}`, `gw-2 ${second()}`]);
	});

	test("while DNS does not answer, everything stays and the router says why", async () => {
		await world.dns.stop();
		await waitFor("the router to notice", async () => (await reasons()).includes("LinksNameNotResolved"), {
			timeout: 60_000,
		});
		await sleep(20_000);
		expect(await up()).toHaveLength(2);
		expect((await world.node("gw-3").readiness("router")).ready).toBe(true);
	});

	test("when DNS answers again, it is asked again at once", async () => {
		await world.dns.resume();
		const started = Date.now();
		await waitFor("an answer", async () => !(await reasons()).includes("LinksNameNotResolved"), { timeout: 60_000 });
		console.log(`DNS is used again after ${Date.now() - started} ms`);
		expect(await reasons()).toEqual([]);
	});

	test("an address that DNS no longer gives keeps its link until it ends, and is not tried again", async () => {
		await world.publish([`${name} AAAA ${second()}`]);
		await sleep(4_000);
		expect(await up()).toHaveLength(2);
		const program = world.node("gw-1").program("federation");
		program.kill("SIGKILL");
		await waitFor("its link to be gone", async () => (await links()).length === 1);
		expect(await up()).toEqual([`gw-2 ${second()}`]);
	});
});
