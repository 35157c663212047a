import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { services } from "../../src/kubernetes/resources.ts";
import { publicServiceName } from "../../src/model/names.ts";
import {
	condition,
	defaults,
	federation,
	federations,
	newNamespace,
	objectCount,
	ownedObjects,
	playKubelet,
	quiet,
	revisionOf,
	startOperator,
} from "./operator-support.ts";
import { eventually } from "./support.ts";

describe("a change", () => {
	test("restarts the node that it is about, after saying so, and no other", async () => {
		const { client, namespace } = await newNamespace();
		const operator = startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		await eventually(async () => await revisionOf(client, namespace, "gw-2"), "Deployments");
		for (const node of ["gw-1", "gw-2"]) await playKubelet(client, namespace, node, true);
		await eventually(
			async () => (await condition(client, namespace, "example", "Ready"))?.text === "True AllNodesReady",
			"Ready",
		);
		const before = [await revisionOf(client, namespace, "gw-1"), await revisionOf(client, namespace, "gw-2")];

		const mark = operator.requests.length;
		const nodes = [
			{ name: "gw-1", federation: "Enabled" },
			{ name: "gw-2", federation: "Enabled", published: false },
		];
		await client.mergePatch(federations, namespace, "example", { spec: { nodes } });
		await eventually(async () => (await revisionOf(client, namespace, "gw-2")) !== before[1], "a new revision of gw-2");
		expect(await revisionOf(client, namespace, "gw-1")).toBe(before[0]);
		// A request is recorded when its answer comes, which is later than others see what it did.
		const written = () => operator.writes().filter(({ resource }) => resource === "deployments").length;
		await eventually(() => written() > 2, "the write's answer");
		const order = operator.requests.slice(mark).map(({ verb, resource }) => `${verb} ${resource}`);
		expect(order.indexOf("apply xmppfederations/status")).toBeGreaterThanOrEqual(0);
		expect(order.indexOf("apply xmppfederations/status")).toBeLessThan(order.indexOf("apply deployments"));
		expect(written()).toBe(1 + 2);
	});

	test("of all nodes takes one after the other", async () => {
		const { client, namespace } = await newNamespace();
		startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		await eventually(async () => await revisionOf(client, namespace, "gw-2"), "Deployments");
		for (const node of ["gw-1", "gw-2"]) await playKubelet(client, namespace, node, true);
		await eventually(
			async () => (await condition(client, namespace, "example", "Ready"))?.text === "True AllNodesReady",
			"Ready",
		);
		const [first, old] = [await revisionOf(client, namespace, "gw-1"), await revisionOf(client, namespace, "gw-2")];

		await client.mergePatch(federations, namespace, "example", { spec: { additionalDomains: ["rooms.example.com"] } });
		await eventually(async () => (await revisionOf(client, namespace, "gw-1")) !== first, "a new revision of gw-1");
		await playKubelet(client, namespace, "gw-1", false);
		await sleep(quiet);
		const waiting = await client.get(federations, namespace, "example");
		expect(await revisionOf(client, namespace, "gw-2")).toBe(old);
		expect(waiting?.status?.nodes.find(({ name }) => name === "gw-2")).toMatchObject({
			state: "Pending",
			// Here the old pod goes at once; where it stays until the new one is ready, this is PreviousNodeNotReady.
			reason: "NodeNotReady",
		});
		await playKubelet(client, namespace, "gw-1", true);
		await eventually(async () => (await revisionOf(client, namespace, "gw-2")) !== old, "a new revision of gw-2");
		await playKubelet(client, namespace, "gw-2", true);
		await eventually(
			async () => (await condition(client, namespace, "example", "Progressing"))?.text === "False Complete",
			"the end",
		);
		// Files of the old revision are gone, those of the new one are there.
		const files = (await ownedObjects(client, namespace, "example")).filter((name) => name.startsWith("ConfigMap/"));
		expect(files).toHaveLength(2);
		expect(files.join()).not.toContain(old);
	});

	test("of the resolver makes and removes it without touching a node", async () => {
		const { client, namespace } = await newNamespace();
		startOperator(namespace);
		await client.create(federations, federation(namespace, "example", { resolver: { enabled: true } }));
		await eventually(
			async () => (await ownedObjects(client, namespace, "example")).length === objectCount + 4,
			"all objects",
		);
		const before = await revisionOf(client, namespace, "gw-1");
		await client.mergePatch(federations, namespace, "example", { spec: { resolver: null } });
		await eventually(
			async () => (await ownedObjects(client, namespace, "example")).length === objectCount,
			"no resolver",
		);
		expect(await revisionOf(client, namespace, "gw-1")).toBe(before);
	});

	test("of the Service's type goes to and fro", async () => {
		const { client, namespace } = await newNamespace();
		startOperator(namespace);
		const lists = {
			type: "LoadBalancer",
			sourceRanges: ["192.0.2.0/24"],
			annotations: { "cloud.example/kind": "internal" },
		};
		await client.apply(federations, federation(namespace, "example", { service: lists }), { force: true });
		const live = async () => await client.get(services, namespace, publicServiceName("example"));
		await eventually(live, "the Service");
		for (const [service, expected] of [
			[{ type: "ClusterIP" }, { type: "ClusterIP" }],
			[{ type: "NodePort" }, { type: "NodePort", externalTrafficPolicy: "Local" }],
			[lists, { type: "LoadBalancer", loadBalancerSourceRanges: ["192.0.2.0/24"] }],
			[{ type: "LoadBalancer" }, { type: "LoadBalancer", loadBalancerSourceRanges: undefined }],
		] as const) {
			await client.apply(federations, federation(namespace, "example", { service }), { force: true });
			await eventually(async () => {
				const { type, externalTrafficPolicy, loadBalancerSourceRanges } = (await live())?.spec ?? {};
				const found = { type, externalTrafficPolicy, loadBalancerSourceRanges };
				return isDeepStrictEqual({ ...found, ...expected }, found);
			}, JSON.stringify(expected));
		}
		const { metadata, spec } = (await live()) ?? {};
		expect(spec).not.toHaveProperty("loadBalancerSourceRanges");
		expect(metadata?.annotations).not.toHaveProperty("cloud.example/kind");
	});

	test("of the image that is taken back goes back to that of the operator", async () => {
		const { client, namespace } = await newNamespace();
		startOperator(namespace);
		await client.create(federations, federation(namespace, "example", { image: "registry.example/typo:9" }));
		const image = async () => (await client.get(federations, namespace, "example"))?.status?.effective?.image;
		await eventually(async () => (await image()) === "registry.example/typo:9", "the given image");
		await client.mergePatch(federations, namespace, "example", { spec: { image: null } });
		expect(await eventually(async () => (await image()) === defaults.gatewayImage, "the operator's image")).toBe(true);
	});
});
