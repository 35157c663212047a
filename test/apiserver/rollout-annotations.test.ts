import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { secrets } from "../../src/kubernetes/resources.ts";
import { quiet } from "./operator-support.ts";
import { changed, federationName, nodeNames, nodes, startRollouts } from "./rollout-support.ts";
import { eventually } from "./support.ts";

describe("annotations", () => {
	test("paused: nothing restarts or goes; the plan is shown; it goes on when the annotation is taken back", async () => {
		const { rollouts } = await startRollouts();
		const before = await rollouts.revisions();
		await rollouts.annotate({ "xmppfed.dev/paused": "true" });
		await rollouts.patch({ spec: { image: "registry.example/gateway:2", nodes: nodes.slice(0, 2) } });
		await eventually(async () => await rollouts.is("Progressing", "False Paused"), "Paused");
		await sleep(quiet);
		expect(await rollouts.revisions()).toEqual(before);
		const { status } = await rollouts.live();
		expect(status?.nodes.map(({ state, reason }) => `${state} ${reason}`)).toEqual(Array(3).fill("Pending Paused"));
		expect(status?.rollout).toMatchObject({
			total: 3,
			done: 0,
			causes: [
				{ reason: "ImageChanged", nodes: ["gw-1", "gw-2"] },
				{ reason: "NodeRemoved", nodes: ["inside"] },
			],
		});
		await rollouts.annotate({ "xmppfed.dev/paused": null });
		await rollouts.carryThrough();
		expect([...(await rollouts.revisions()).keys()]).toEqual(["gw-1", "gw-2"]);
		expect(changed(before, await rollouts.revisions())).toEqual(["gw-1", "gw-2"]);
	});

	test("paused: domains that are changed and changed back restart nothing, with a certificate of our own as well", async () => {
		const { client, namespace, rollouts } = await startRollouts();
		const before = await rollouts.revisions();
		const certificates = async () =>
			(await client.list(secrets, { namespace })).items
				.map(({ metadata }) => metadata.name)
				.filter((secret) => secret.startsWith(`${federationName}-self-signed-`));
		const [first] = await certificates();
		await rollouts.annotate({ "xmppfed.dev/paused": "true" });
		await rollouts.patch({ spec: { additionalDomains: ["rooms.example.com"] } });
		await eventually(async () => await rollouts.is("Progressing", "False Paused"), "Paused");
		await eventually(async () => (await certificates()).length === 1 && (await certificates())[0] !== first, "another");
		await rollouts.patch({ spec: { additionalDomains: null } });
		await eventually(async () => (await certificates()).join() === first, "the first certificate again");
		await rollouts.annotate({ "xmppfed.dev/paused": null });
		await rollouts.carryThrough();
		expect(await rollouts.revisions()).toEqual(before);
	});

	test("allow-outage: the last Enabled node stays until its generation is named", async () => {
		const { rollouts } = await startRollouts();
		const before = await rollouts.revisions();
		await rollouts.patch({ spec: { nodes: nodeNames.map((node) => ({ name: node })) } });
		await eventually(async () => await rollouts.is("Progressing", "False WouldLeaveNoEnabledNode"), "blocked");
		const { generation = 0 } = (await rollouts.live()).metadata;
		await rollouts.annotate({ "xmppfed.dev/allow-outage": String(generation - 1) });
		await sleep(quiet);
		expect(await rollouts.revisions()).toEqual(before);
		const { status } = await rollouts.live();
		expect(status?.nodes.map(({ state, reason }) => `${state} ${reason}`)).toEqual(
			Array(3).fill("Blocked WouldLeaveNoEnabledNode"),
		);
		expect(status?.nodes[0]?.message).toContain(`xmppfed.dev/allow-outage: "${generation}"`);
		expect(await rollouts.events("WouldLeaveNoEnabledNode")).toHaveLength(1);
		await rollouts.annotate({ "xmppfed.dev/allow-outage": String(generation) });
		await rollouts.carryThrough();
		expect(changed(before, await rollouts.revisions())).toEqual(nodeNames);
		expect(await rollouts.is("Ready", "True NoEnabledNode")).toBe(true);
	});

	test("restart: taking it back, or asking for another node, restarts nothing again", async () => {
		const { rollouts } = await startRollouts();
		const before = await rollouts.revisions();
		await rollouts.annotate({ "xmppfed.dev/restart": "gw-1@2026-01-01T00:00:00Z" });
		await eventually(async () => changed(before, await rollouts.revisions()).join() === "gw-1", "gw-1");
		await rollouts.carryThrough();
		const once = await rollouts.revisions();
		for (const restart of ["gw-1@2025-01-01T00:00:00Z", "gw-1@2026-01-01T01:00:00+01:00", null]) {
			await rollouts.annotate({ "xmppfed.dev/restart": restart });
			await sleep(quiet / 2);
			expect(changed(once, await rollouts.revisions())).toEqual([]);
		}
		await rollouts.annotate({ "xmppfed.dev/restart": "inside@2026-01-01T00:00:00Z" });
		await eventually(async () => changed(once, await rollouts.revisions()).join() === "inside", "inside");
		await rollouts.carryThrough();
		expect(changed(once, await rollouts.revisions())).toEqual(["inside"]);
	});

	test("restart: asking for a second node before the first had its turn takes nothing from the first", async () => {
		const { rollouts } = await startRollouts();
		const before = await rollouts.revisions();
		await rollouts.annotate({ "xmppfed.dev/paused": "true", "xmppfed.dev/restart": "gw-1@2026-01-01T00:00:00Z" });
		await eventually(async () => (await rollouts.nodeState("gw-1"))?.startsWith("Pending Paused"), "gw-1 waits");
		const both = "gw-1@2026-01-01T00:00:00Z,inside@2026-01-01T00:01:00Z";
		await rollouts.annotate({ "xmppfed.dev/paused": null, "xmppfed.dev/restart": both });
		await eventually(async () => changed(before, await rollouts.revisions()).length > 0, "the first");
		await rollouts.carryThrough();
		expect(changed(before, await rollouts.revisions())).toEqual(["gw-1", "inside"]);
		expect((await rollouts.live()).status?.finishedRollouts?.[0]?.causes).toMatchObject([
			{ reason: "Requested", scope: "Node", nodes: ["gw-1"] },
			{ reason: "Requested", scope: "Node", nodes: ["inside"] },
		]);
	});

	test("that cannot be read are told by Event and condition, and restart nothing", async () => {
		const { rollouts } = await startRollouts();
		const before = await rollouts.revisions();
		await rollouts.annotate({ "xmppfed.dev/restart": "gw-9@2026-01-01T00:00:00Z" });
		await eventually(async () => await rollouts.is("Degraded", "True InvalidAnnotation"), "Degraded");
		expect(await rollouts.is("Accepted", "True Accepted")).toBe(true);
		const message = (await rollouts.live()).status?.conditions.find(({ type }) => type === "Degraded")?.message;
		expect(message).toBe(
			'metadata.annotations[xmppfed.dev/restart]: there is no node "gw-9" in spec.nodes. Nothing is restarted for it. ' +
				"If the node was removed, take it out of the annotation.",
		);
		const told = await eventually(async () => (await rollouts.events("InvalidAnnotation"))[0], "an Event");
		expect(told).toMatchObject({ type: "Warning", regarding: { name: federationName } });
		await sleep(quiet);
		expect(changed(before, await rollouts.revisions())).toEqual([]);
		await rollouts.annotate({ "xmppfed.dev/restart": null });
		await eventually(async () => await rollouts.is("Degraded", "False AsExpected"), "mended");
	});
});
