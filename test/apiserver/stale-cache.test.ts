import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { configMaps } from "../../src/kubernetes/resources.ts";
import { acceptedDialbackName } from "../../src/model/names.ts";
import { type SeenRequest, startApiProxy } from "./api-proxy.ts";

import {
	federation,
	federations,
	impatient,
	objectCount,
	ownedKinds,
	ownedObjects,
	startOperator,
} from "./operator-support.ts";

import { playCluster } from "./played-cluster.ts";
import { settled } from "./settled.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

/** Kinds that the operator writes, and pods. */
const watched = ["pods", ...ownedKinds.map(({ plural }) => plural)];

async function setup() {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const proxy = await startApiProxy();
	startOperator(namespace, {}, { kubeconfig: proxy.kubeconfig, timing: impatient });
	const cluster = playCluster(client, namespace);
	await eventually(() => watched.every((resource) => proxy.watches(resource) === 1), "all watches");
	let looks = 0;
	/** Makes the operator look at the federation again, and waits until it has: a label comes to a Service. */
	const lookAgain = async () => {
		const team = `look-${++looks}`;
		const mark = proxy.requests.length;
		const service = { type: "ClusterIP", labels: { team } };
		await client.mergePatch(federations, namespace, "example", { spec: { service } });
		const done = () =>
			proxy.requests
				.slice(mark)
				.some(({ resource, verb, status }) => resource === "services" && verb === "patch" && status === 200);
		await eventually(done, `look ${looks}`);
		// What would follow in the same reconcile.
		await sleep(200);
	};
	return { client, namespace, proxy, cluster, lookAgain };
}

/** How often each object was written, as `VERB resource/name`, those that change with every look apart. */
function written(requests: readonly SeenRequest[]): Map<string, number> {
	const counts = new Map<string, number>();
	for (const { verb, resource, name } of requests) {
		if (["get", "list", "watch"].includes(verb) || resource === "events" || resource.endsWith("/status")) continue;
		// The name of what is created is in the body.
		if (verb === "create" || resource === "services") continue;
		const key = `${verb} ${resource}/${name}`;
		counts.set(key, (counts.get(key) ?? 0) + 1);
	}
	return counts;
}

const creations = (requests: readonly SeenRequest[]) =>
	requests.filter(({ verb, resource }) => verb === "create" && resource !== "events").map(({ resource }) => resource);

const enabled = (name: string, more: object = {}) => ({ name, federation: "Enabled", ...more });

test("a creation with caches that see nothing of it writes each object once, however often it is looked at", async () => {
	const { client, namespace, proxy, lookAgain } = await setup();
	for (const resource of watched) proxy.freeze(resource);
	const mark = proxy.requests.length;
	await client.create(federations, federation(namespace, "example"));
	await eventually(
		async () => (await ownedObjects(client, namespace, "example")).length === objectCount,
		"all objects",
	);
	for (let n = 0; n < 3; n++) await lookAgain();
	const since = proxy.requests.slice(mark);
	// What changes later is applied, as all other kinds are.
	const accepted = `Secret/${acceptedDialbackName("example")}`;
	const isCreated = (name: string) => /^(ConfigMap|Secret)\//.test(name) && name !== accepted;
	const created = (await ownedObjects(client, namespace, "example")).filter(isCreated);
	expect(creations(since)).toHaveLength(created.length);
	const counts = written(since);
	expect([...counts.values()]).toEqual([...counts.values()].map(() => 1));
	expect(counts.size).toBeGreaterThan(2);
	proxy.thaw();
	await settled(client, namespace, "example");
	expect(creations(proxy.requests.slice(mark))).toHaveLength(created.length);
	expect([...written(proxy.requests.slice(mark))]).toEqual([...counts]);
});

test.each([[["deployments"]], [["pods"]], [["deployments", "pods"]]])(
	"a change of all nodes with stale %j restarts the first node once and no other before it is seen to be done",
	async (stale) => {
		const { client, namespace, proxy, cluster, lookAgain } = await setup();
		await client.create(federations, federation(namespace, "example"));
		await settled(client, namespace, "example");
		for (const resource of stale) proxy.freeze(resource);
		const mark = proxy.requests.length;
		const podsBefore = cluster.made.length;
		const change = { spec: { additionalDomains: ["rooms.example.com"] } };
		await client.mergePatch(federations, namespace, "example", change);
		await eventually(() => cluster.made.length === podsBefore + 1, "the restart of the first node");
		for (let n = 0; n < 3; n++) await lookAgain();
		const restarts = [...written(proxy.requests.slice(mark))].filter(([what]) => what.includes("deployments"));
		expect(restarts).toEqual([[expect.stringContaining("example-node-gw-1"), 1]]);
		expect(cluster.made).toHaveLength(podsBefore + 1);

		proxy.thaw();
		await settled(client, namespace, "example");
		expect(cluster.made.slice(podsBefore).map((pod) => pod.split(" ")[0])).toEqual(["gw-1", "gw-2"]);
		const counts = written(proxy.requests.slice(mark));
		expect([...counts].filter(([, count]) => count > 1)).toEqual([]);
	},
);

test("a removal with stale caches deletes each object once", async () => {
	const { client, namespace, proxy, lookAgain } = await setup();
	await client.create(federations, federation(namespace, "example", { resolver: { enabled: true } }));
	await settled(client, namespace, "example");
	for (const resource of watched) proxy.freeze(resource);
	const mark = proxy.requests.length;
	const change = { spec: { nodes: [enabled("gw-1")], resolver: null } };
	await client.mergePatch(federations, namespace, "example", change);
	const deletions = () => [...written(proxy.requests.slice(mark))].filter(([what]) => what.startsWith("delete"));
	// The node and the resolver.
	await eventually(() => deletions().length === 2, "deletions");
	for (let n = 0; n < 3; n++) await lookAgain();
	expect(deletions().filter(([, count]) => count > 1)).toEqual([]);
	proxy.thaw();
	await settled(client, namespace, "example");
	await eventually(
		async () => (await client.list(configMaps, { namespace })).items.length === 1,
		"the files of the removed node to go",
	);
	expect(deletions().filter(([, count]) => count > 1)).toEqual([]);
});
