import { randomInt } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { playKubelet, quiet, startOperator } from "./operator-support.ts";
import { changed, nodeNames, startRollouts } from "./rollout-support.ts";
import { eventually } from "./support.ts";

const reached = { domain: "example.com", reachable: true };

describe("a roll-out", () => {
	test("that is changed in the middle goes to the newest intent, without restarting a node twice for it", async () => {
		const { rollouts } = await startRollouts();
		const before = await rollouts.revisions();
		const port = (value: number) => rollouts.patch({ spec: { upstream: { host: "xmpp.chat.svc", port: value } } });
		await port(5270);
		const half = await eventually(async () => {
			const now = await rollouts.revisions();
			return changed(before, now).length === 1 && now;
		}, "the first restart");
		await port(5271);
		await rollouts.carryThrough();
		const after = await rollouts.revisions();
		expect(changed(half, after).toSorted()).toEqual(nodeNames);
		// gw-1 went both ways, the others only to the newest.
		const restarts = [...after].map(([node, { generation }]) => [
			node,
			generation - (before.get(node)?.generation ?? 0),
		]);
		expect(Object.fromEntries(restarts)).toEqual({ "gw-1": 2, "gw-2": 1, inside: 1 });
	});

	test("takes the next node when the routers say that the links of those before are up", async () => {
		const { rollouts } = await startRollouts();
		const addresses = freeAddresses();
		let missing = addresses.get("gw-2");
		const link = (address: string) => ({ domain: "example.com", address, state: address === missing ? "Down" : "Up" });
		const links = () => [...addresses.values()].map(link);
		for (const address of addresses.values()) await routerAt(address, () => ({ upstreams: [reached], links: links() }));
		const before = await rollouts.revisions();
		await rollouts.patch({ spec: { rollout: { drainSeconds: 45 } } });
		for (const [node, address] of addresses) {
			await eventually(async () => changed(before, await rollouts.revisions()).includes(node), `${node} restarts`);
			await rollouts.play();
			await rollouts.giveAddress(node, address);
		}
		const state = async () => await rollouts.nodeState("inside");
		await eventually(async () => (await state())?.startsWith("Pending LinksDown"), "it waits for links");
		expect(await state()).toMatch(/waits until the router of node gw-[12] has its links to node gw-2$/);
		await sleep(quiet);
		expect(changed(before, await rollouts.revisions())).toEqual(["gw-1", "gw-2"]);
		missing = undefined;
		await eventually(async () => changed(before, await rollouts.revisions()).includes("inside"), "it restarts");
		await rollouts.carryThrough();
	}, 60_000);

	test("a change that cuts the first node off from the internal server goes no further, until that is mended", async () => {
		const { client, namespace, rollouts } = await startRollouts();
		const addresses = freeAddresses();
		let wrong = false;
		const links = [...addresses.values()].map((address) => ({ domain: "example.com", address, state: "Up" }));
		for (const [node, address] of addresses) {
			const upstream = () =>
				wrong && node === "gw-1" ? { ...reached, reachable: false, failure: "refused" } : reached;
			await routerAt(address, () => ({ upstreams: [upstream()], links }));
			await rollouts.giveAddress(node, address);
		}
		const before = await rollouts.revisions();
		wrong = true;
		await rollouts.patch({ spec: { upstream: { host: "xmpp.chat.svc", port: 5299 } } });
		await eventually(async () => changed(before, await rollouts.revisions()).includes("gw-1"), "gw-1 restarts");
		await playKubelet(client, namespace, "gw-1", true, addresses.get("gw-1"));
		const state = async () => await rollouts.nodeState("gw-2");
		await eventually(async () => (await state())?.startsWith("Pending UpstreamUnreachable"), "gw-2 waits");
		expect(await state()).toContain("waits until the router of node gw-1 reaches its internal server");
		await sleep(quiet);
		expect(changed(before, await rollouts.revisions())).toEqual(["gw-1"]);
		wrong = false;
		await eventually(async () => changed(before, await rollouts.revisions()).includes("gw-2"), "gw-2 restarts");
		await playKubelet(client, namespace, "gw-2", true, addresses.get("gw-2"));
		await rollouts.carryThrough();
	}, 60_000);

	test("goes on after the operator is killed at each of its writes, and no restart is repeated", async () => {
		const { namespace, operator, rollouts } = await startRollouts();
		await operator.stop();
		const before = await rollouts.revisions();
		await rollouts.patch({ spec: { rollout: { drainSeconds: 45 } } });
		let lives = 0;
		const isOver = async () => {
			const { status, metadata } = await rollouts.live();
			const progressing = status?.conditions.find(({ type }) => type === "Progressing");
			return (
				progressing?.reason === "Complete" &&
				JSON.stringify(progressing).includes(`"observedGeneration":${metadata.generation}`) &&
				!status?.rollout
			);
		};
		while (!(await isOver())) {
			expect(++lives).toBeLessThan(60);
			const killed = Promise.withResolvers<void>();
			const life = startOperator(
				namespace,
				{},
				{
					beforeWrite: () => {
						// A write may be asked about more than once: those that were answered count.
						if (!life.writes().some(({ resource, status }) => resource !== "events" && status > 0)) return;
						killed.resolve();
						throw new Error("killed");
					},
				},
			);
			// One that has nothing to write waits for the cluster.
			await Promise.race([killed.promise, sleep(quiet)]);
			await life.stop();
			await rollouts.play();
		}
		expect(lives).toBeGreaterThan(10);
		const after = await rollouts.revisions();
		for (const node of nodeNames) {
			expect((after.get(node)?.generation ?? 0) - (before.get(node)?.generation ?? 0)).toBe(1);
			expect(after.get(node)?.revision).not.toBe(before.get(node)?.revision);
		}
		expect((await rollouts.live()).status?.finishedRollouts?.[0]).toMatchObject({
			total: 3,
			causes: [{ reason: "RolloutChanged", from: "30", to: "45", nodes: nodeNames }],
		});
	}, 120_000);
});

/** Of nodes whose pods are given one: each test has its own. */
function freeAddresses(): ReadonlyMap<string, string> {
	const block = `127.${1 + randomInt(250)}.${randomInt(255)}`;
	return new Map(["gw-1", "gw-2"].map((node, index) => [node, `${block}.${index + 1}`]));
}

/** Stands for a router, which cannot run here: only what it says. */
async function routerAt(address: string, status: () => object): Promise<void> {
	const server = createServer((_request, response) => void response.end(JSON.stringify(status())));
	await new Promise<void>((resolve) => {
		server.listen(podLayout.routerHttpPort, address, resolve);
	});
	onTestFinished(() => void server.close());
}
