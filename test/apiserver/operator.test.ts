import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { configMaps, deployments, events, namespaces, secrets, services } from "../../src/kubernetes/resources.ts";
import { generatedSecretName, nodeObjectName, publicServiceName } from "../../src/model/names.ts";
import { base64, certificate, key } from "../unit/fixtures/federation.ts";
import {
	condition,
	defaults,
	federation,
	federations,
	objectCount,
	ownedObjects,
	playKubelet,
	revisionOf,
	startOperator,
} from "./operator-support.ts";
import { eventually, freshNamespace, rawObject, testClient } from "./support.ts";

/** Long enough for whatever the operator would still do. */
const quiet = 1_500;

async function setup() {
	const client = testClient();
	const namespace = await freshNamespace(client);
	return { client, namespace };
}

describe("a new federation", () => {
	test("gets its objects with one write each and two of status, and then nothing more", async () => {
		const { client, namespace } = await setup();
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
		const { client, namespace } = await setup();
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
		const { client, namespace } = await setup();
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

describe("a change", () => {
	test("restarts the node that it is about, after saying so, and no other", async () => {
		const { client, namespace } = await setup();
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
		const { client, namespace } = await setup();
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
		const { client, namespace } = await setup();
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
		const { client, namespace } = await setup();
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

	test("by hand to an object of ours is put back", async () => {
		const { client, namespace } = await setup();
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
});

describe("bad input", () => {
	test("a missing Secret is named, stops nothing else, and is taken when it comes", async () => {
		const { client, namespace } = await setup();
		startOperator(namespace);
		const security = { certificate: { secretName: "tls" } };
		await client.create(
			federations,
			federation(namespace, "waits", { security, additionalDomains: ["conference.example.com"] }),
		);
		await client.create(federations, federation(namespace, "works"));
		await eventually(
			async () => (await condition(client, namespace, "waits", "Accepted"))?.text === "False SecretNotFound",
			"refused",
		);
		const { message } = (await condition(client, namespace, "waits", "Accepted")) ?? {};
		expect(message).toMatch(
			/spec\.security\.certificate\.secretName: Secret "tls" does not exist .* kubernetes\.io\/tls/,
		);
		await eventually(
			async () => (await ownedObjects(client, namespace, "works")).length === objectCount,
			"the other federation",
		);
		expect((await ownedObjects(client, namespace, "waits")).filter((name) => !name.startsWith("Secret/"))).toEqual([]);

		const data = { "tls.crt": certificate, "tls.key": key };
		const secret = {
			apiVersion: "v1",
			kind: "Secret",
			metadata: { name: "tls", namespace },
			type: "kubernetes.io/tls",
			data,
		};
		await client.create(secrets, secret);
		await eventually(
			async () => (await condition(client, namespace, "waits", "Accepted"))?.text === "True Accepted",
			"accepted",
		);
		await eventually(async () => await revisionOf(client, namespace, "gw-1"), "nodes");
		await eventually(
			async () => (await condition(client, namespace, "waits", "CertificateValid"))?.text === "False SelfSigned",
			"that it is self-signed",
		);
	});

	test("a Secret that breaks later leaves what runs as it is", async () => {
		const { client, namespace } = await setup();
		startOperator(namespace);
		const secret = {
			apiVersion: "v1",
			kind: "Secret",
			metadata: { name: "dialback", namespace },
			data: { secret: base64("x".repeat(32)) },
		};
		await client.create(secrets, secret);
		const security = { dialback: { secretRef: { name: "dialback" } } };
		await client.create(federations, federation(namespace, "example", { security }));
		const before = await eventually(async () => await revisionOf(client, namespace, "gw-2"), "nodes");
		await client.delete(secrets, namespace, "dialback");
		await eventually(
			async () => (await condition(client, namespace, "example", "Accepted"))?.text === "False SecretNotFound",
			"refused",
		);
		expect(await revisionOf(client, namespace, "gw-2")).toBe(before);
		expect((await client.get(federations, namespace, "example"))?.status?.effective?.image).toBe(
			"registry.example/gateway:1",
		);
	});

	test("a foreign object of our name is named and left byte for byte, and the rest is made", async () => {
		const { client, namespace } = await setup();
		const name = publicServiceName("example");
		const spec = { selector: { app: "mine" }, ports: [{ port: 80 }] };
		await client.create(services, { apiVersion: "v1", kind: "Service", metadata: { name, namespace }, spec });
		const before = await rawObject(services, namespace, name);
		startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		await eventually(
			async () => (await condition(client, namespace, "example", "Degraded"))?.text === "True ObjectConflict",
			"Degraded",
		);
		expect((await condition(client, namespace, "example", "Degraded"))?.message).toContain(name);
		await eventually(
			async () => (await ownedObjects(client, namespace, "example")).length === objectCount - 1,
			"all others",
		);
		expect(await rawObject(services, namespace, name)).toBe(before);
		const told = async () =>
			(await client.list(events, { namespace })).items.find(({ reason }) => reason === "ObjectConflict");
		expect(await eventually(told, "an Event")).toMatchObject({ type: "Warning", regarding: { name: "example" } });
	});

	test("a node that Kubernetes refuses is told once, not in a loop, and no other node restarts", async () => {
		const { client, namespace } = await setup();
		const operator = startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		await eventually(async () => await revisionOf(client, namespace, "gw-2"), "nodes");
		for (const node of ["gw-1", "gw-2"]) await playKubelet(client, namespace, node, true);
		const is = async (type: string, text: string) =>
			(await condition(client, namespace, "example", type))?.text === text;
		await eventually(async () => await is("Ready", "True AllNodesReady"), "Ready");
		const before = await revisionOf(client, namespace, "gw-2");
		const resources = { requests: { memory: "128Mi" }, limits: { memory: "64Mi" } };
		const nodes = [
			{ name: "gw-1", federation: "Enabled", resources },
			{ name: "gw-2", federation: "Enabled" },
		];
		await client.mergePatch(federations, namespace, "example", { spec: { nodes } });
		await eventually(async () => await is("Degraded", "True ApplyFailed"), "Degraded");
		expect((await condition(client, namespace, "example", "Degraded"))?.message).toMatch(
			/must be less than or equal to memory limit/,
		);
		await sleep(quiet);
		const mark = operator.requests.length;
		await sleep(2 * quiet);
		expect(operator.requests.slice(mark).filter(({ resource }) => resource !== "events")).toEqual([]);
		expect(await revisionOf(client, namespace, "gw-2")).toBe(before);

		await client.mergePatch(federations, namespace, "example", { spec: { nodes: [nodes[1]] } });
		await eventually(async () => await is("Degraded", "False AsExpected"), "repaired");
	});

	test("a generated Secret that somebody deletes is made again as it was, and nothing restarts", async () => {
		const { client, namespace } = await setup();
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
		const { client, namespace } = await setup();
		startOperator(namespace);
		await client.create(federations, federation(namespace, "example"));
		await eventually(async () => await revisionOf(client, namespace, "gw-2"), "nodes");
		const name = nodeObjectName("example", "gw-1");
		await client.mergePatch(deployments, namespace, name, { spec: { replicas: 0 } });
		const replicas = async () => (await client.get(deployments, namespace, name))?.spec?.replicas;
		expect(await eventually(async () => (await replicas()) === 1, "one replica")).toBe(true);
	});

	test("an image that is taken back is taken back", async () => {
		const { client, namespace } = await setup();
		startOperator(namespace);
		await client.create(federations, federation(namespace, "example", { image: "registry.example/typo:9" }));
		const image = async () => (await client.get(federations, namespace, "example"))?.status?.effective?.image;
		await eventually(async () => (await image()) === "registry.example/typo:9", "the given image");
		await client.mergePatch(federations, namespace, "example", { spec: { image: null } });
		expect(await eventually(async () => (await image()) === defaults.gatewayImage, "the operator's image")).toBe(true);
	});

	test("a namespace that is being deleted is left alone", async () => {
		const { client, namespace } = await setup();
		await client.create(federations, federation(namespace, "example"));
		// No controller is here that would end the deletion.
		await client.delete(namespaces, undefined, namespace);
		const operator = startOperator(namespace);
		await eventually(() => operator.requests.some(({ status }) => status === 403), "a refused request");
		await sleep(quiet);
		expect((await client.get(federations, namespace, "example"))?.status).toBeUndefined();
		expect(operator.records.filter(({ level }) => Number(level) >= 40)).toEqual([]);
	});

	test("a node's files that somebody deletes come back", async () => {
		const { client, namespace } = await setup();
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
