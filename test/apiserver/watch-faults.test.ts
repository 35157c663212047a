import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { type ConfigMap, configMaps, services } from "../../src/kubernetes/resources.ts";
import { scaled } from "../lib/scale.ts";
import { type SeenRequest, startApiProxy } from "./api-proxy.ts";
import { federation, federations, impatient, objectCount, ownedObjects, startOperator } from "./operator-support.ts";
import { startReplica } from "./replica.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

async function setup(timing = impatient) {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const proxy = await startApiProxy();
	startOperator(namespace, {}, { kubeconfig: proxy.kubeconfig, timing });
	await client.create(federations, federation(namespace, "example"));
	await eventually(
		async () => (await ownedObjects(client, namespace, "example")).length === objectCount,
		"all objects",
	);
	/** A change that ends in the labels of a Service. */
	const change = async (team: string) => {
		const service = { type: "ClusterIP", labels: { team } };
		await client.mergePatch(federations, namespace, "example", { spec: { service } });
	};
	const seen = async (team: string) =>
		await eventually(
			async () =>
				(await client.list(services, { namespace })).items.some(({ metadata }) => metadata.labels?.["team"] === team),
			`the change ${team}`,
		);
	return { client, namespace, proxy, change, seen };
}

const lists = (requests: readonly SeenRequest[]) => requests.filter(({ verb }) => verb === "list");

test("watches that have gone silent are given up: what happened meanwhile is taken, without a list", async () => {
	const { proxy, change, seen } = await setup({ ...impatient, idleTimeout: 2_000 });
	const mark = proxy.requests.length;
	const silent = proxy.watches();
	proxy.silence();
	await change("missed");
	await seen("missed");
	await change("after");
	await seen("after");
	const begun = () => proxy.requests.slice(mark).filter(({ verb }) => verb === "watch").length;
	await eventually(() => begun() >= silent, "all watches to begin again");
	expect(lists(proxy.requests.slice(mark))).toEqual([]);
});

test("an event that is cut in its middle is taken whole from the next watch, once", async () => {
	const { proxy, change, seen } = await setup();
	const mark = proxy.requests.length;
	const resources = ["xmppfederations", "services", "deployments", "secrets"];
	for (const resource of resources) proxy.cutNextEvent(resource);
	await change("cut");
	await seen("cut");
	await change("after");
	await seen("after");
	const since = proxy.requests.slice(mark);
	expect(since.filter(({ verb, resource }) => verb === "watch" && resource === "xmppfederations").length).toBe(1);
	expect(lists(since)).toEqual([]);
	expect(since.filter(({ verb, resource }) => verb === "patch" && resource === "services")).toHaveLength(2);
});

test("many objects behind a slow API server: the operator starts, with the pages that it takes and in its memory", async () => {
	const many = scaled(5_000, 10_000);
	const pageSize = 500;
	const client = testClient();
	const namespace = await freshNamespace(client);
	await fill(many, async (n) => {
		const labels = { "app.kubernetes.io/managed-by": "xmpp-federation-operator" };
		const object: ConfigMap = {
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { name: `many-${n}`, namespace, labels },
			data: { text: "x".repeat(1024) },
		};
		await client.create(configMaps, object);
	});
	await client.create(federations, federation(namespace, "example"));
	const proxy = await startApiProxy();
	proxy.fault = ({ verb }) => (verb === "list" ? { delay: 200 } : undefined);
	const args = [`--namespace=${namespace}`, `--leader-election-namespace=${namespace}`];
	const operator = startReplica("operator", { kubeconfig: proxy.kubeconfig, args });
	await eventually(() => operator.logged("caches are full"), "the start", 60_000);
	await eventually(
		async () => (await ownedObjects(client, namespace, "example")).length === objectCount,
		"all objects",
	);

	const pages = lists(proxy.requests).filter(({ resource }) => resource === "configmaps");
	expect(pages).toHaveLength(Math.ceil(many / pageSize));
	expect(pages.map(({ query }) => query.get("limit"))).toEqual(pages.map(() => String(pageSize)));
	expect(lists(proxy.requests).length - pages.length).toBeLessThan(10);
	// The lease; and once what the definitions of its kinds are.
	const reads = proxy.requests.filter(({ verb, resource }) => verb === "get" && resource !== "leases");
	expect(reads.map(({ resource, name }) => `${resource}/${name}`)).toEqual(["xmppfed.dev/v1alpha1"]);
	expect(proxy.requests.filter(({ verb }) => verb === "delete")).toEqual([]);
	// The limit of the operator's container: deploy/operator/base/deployment.yaml.
	expect(await peakMemory(operator.pid)).toBeLessThan(256 * 1024 * 1024);
}, 180_000);

async function fill(count: number, make: (n: number) => Promise<void>): Promise<void> {
	let next = 0;
	const worker = async () => {
		while (next < count) await make(next++);
	};
	await Promise.all(Array.from({ length: 32 }, worker));
}

/** Bytes of memory that a process had at most. */
async function peakMemory(pid: number): Promise<number> {
	const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
	if (kilobytes === undefined) throw new Error(`process ${pid} has no peak of memory`);
	return Number(kilobytes) * 1024;
}
