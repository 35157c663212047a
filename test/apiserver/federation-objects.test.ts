import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { configMaps, deployments, secrets, services } from "../../src/kubernetes/resources.ts";
import { generatedSecretName, nodeObjectName, publicServiceName } from "../../src/model/names.ts";
import {
	condition,
	federation,
	federations,
	newNamespace,
	objectCount,
	ownedObjects,
	quiet,
	revisionOf,
	startOperator,
} from "./operator-support.ts";
import { eventually } from "./support.ts";

describe("a new federation", () => {
	test("gets its objects with one write each and two of status, and then nothing more", async () => {
		const { client, namespace } = await newNamespace();
		const operator = startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		await eventually(
			async () => (await condition(client, namespace, "example", "Accepted"))?.text === "True Accepted",
			"Accepted",
		);
		await sleep(quiet);

		const owned = await ownedObjects(client, namespace, "example");
		expect(owned.map((name) => name.replace(/-[0-9a-f]{8}(-[0-9a-f]{10})?$/, "")).toSorted()).toEqual([
			"ConfigMap/example-node-gw-1",
			"ConfigMap/example-node-gw-2",
			"Deployment/example-node-gw-1",
			"Deployment/example-node-gw-2",
			"NetworkPolicy/example-gateway",
			"PodDisruptionBudget/example-enabled-nodes",
			"Secret/example-dialback",
			"Secret/example-generated",
			"Secret/example-link-authority",
			"Secret/example-link-certificate",
			"Secret/example-node-gw-1",
			"Secret/example-node-gw-2",
			"Secret/example-self-signed",
			"Service/example-internal",
			"Service/example-links",
			"Service/example-public",
		]);
		const made = operator.writes().filter(({ resource }) => resource !== "events");
		const status = made.filter(({ resource }) => resource === "xmppfederations/status");
		expect(made.length - status.length).toBe(owned.length);
		expect(status.length).toBeLessThanOrEqual(2);
		// Reads: the list and the watch of each of eight kinds, and nothing for the federation itself.
		const reads = operator.requests.filter(({ verb }) => verb === "get");
		expect(reads).toEqual([]);
	});

	test("that is looked at again makes no request", async () => {
		const { client, namespace } = await newNamespace();
		const operator = startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		await eventually(
			async () => (await ownedObjects(client, namespace, "example")).length === objectCount,
			"all objects",
		);
		await sleep(quiet);
		const before = operator.requests.length;
		await client.mergePatch(federations, namespace, "example", { metadata: { annotations: { note: "hello" } } });
		await sleep(quiet);
		expect(operator.requests.length - before).toBe(0);
	});

	test("looks the same to an operator that starts later, of a newer version", async () => {
		const { client, namespace } = await newNamespace();
		const first = startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		await eventually(
			async () => (await ownedObjects(client, namespace, "example")).length === objectCount,
			"all objects",
		);
		await sleep(quiet);
		await first.stop();
		const second = startOperator(namespace, { gatewayImage: "registry.example/gateway:2" });
		await sleep(quiet);
		// That there is another image is told, and nothing else is done about it.
		expect(second.writes().map(({ verb, resource }) => `${verb} ${resource}`)).toEqual([
			"apply xmppfederations/status",
		]);
		const { status } = (await client.get(federations, namespace, "example")) ?? {};
		expect(status?.effective).toMatchObject({
			image: "registry.example/gateway:1",
			operatorImage: "registry.example/gateway:2",
		});
	});
});

describe("of the objects of a federation", () => {
	test("one that somebody changes by hand is put back", async () => {
		const { client, namespace } = await newNamespace();
		startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		await eventually(
			async () => (await ownedObjects(client, namespace, "example")).length === objectCount,
			"all objects",
		);
		const name = publicServiceName("example");
		await client.mergePatch(services, namespace, name, { spec: { selector: { app: "mine" } } });
		const selector = async () => (await client.get(services, namespace, name))?.spec?.selector;
		await eventually(async () => !("app" in ((await selector()) ?? {})), "the selector is ours again");
		// What others own stays theirs.
		await client.mergePatch(services, namespace, name, { metadata: { annotations: { "cloud.example/id": "lb-1" } } });
		await sleep(quiet);
		expect((await client.get(services, namespace, name))?.metadata.annotations).toMatchObject({
			"cloud.example/id": "lb-1",
		});
	});

	test("a generated Secret that somebody deletes is made again as it was, and nothing restarts", async () => {
		const { client, namespace } = await newNamespace();
		startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		const before = await eventually(async () => await revisionOf(client, namespace, "gw-2"), "nodes");
		const name = generatedSecretName("example");
		const content = async () => (await client.get(secrets, namespace, name))?.data;
		const data = await content();
		expect(Object.keys(data ?? {})).toHaveLength(3);
		await client.delete(secrets, namespace, name);
		expect(await eventually(content, "the Secret is back")).toEqual(data);
		await sleep(quiet);
		expect(await revisionOf(client, namespace, "gw-2")).toBe(before);
	});

	test("a node that somebody scales to nothing comes back", async () => {
		const { client, namespace } = await newNamespace();
		startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		await eventually(async () => await revisionOf(client, namespace, "gw-2"), "nodes");
		const name = nodeObjectName("example", "gw-1");
		await client.mergePatch(deployments, namespace, name, { spec: { replicas: 0 } });
		const replicas = async () => (await client.get(deployments, namespace, name))?.spec?.replicas;
		expect(await eventually(async () => (await replicas()) === 1, "one replica")).toBe(true);
	});

	test("a node's files that somebody deletes come back", async () => {
		const { client, namespace } = await newNamespace();
		startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		const owned = await eventually(async () => {
			const names = await ownedObjects(client, namespace, "example");
			return names.length === objectCount && names;
		}, "all objects");
		const files = owned.find((name) => name.startsWith("ConfigMap/"))?.split("/")[1] ?? "";
		await client.delete(configMaps, namespace, files);
		const restored = await eventually(
			async () => await client.get(configMaps, namespace, files),
			"the ConfigMap is back",
		);
		expect(restored.data?.["router.cfg.lua"]).toContain("example.com");
	});
});
