import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { expect, inject, onTestFinished, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { maxCallConnections } from "../../src/kubernetes/connection.ts";
import { Reflector, type ReflectorOptions } from "../../src/kubernetes/reflector.ts";
import { type ConfigMap, configMaps } from "../../src/kubernetes/resources.ts";
import { startControlPlane } from "./control-plane.ts";
import { compact } from "./etcd.ts";
import { startProxy } from "./proxy.ts";
import { countingClient, eventually, freshNamespace, recordingLog, testClient } from "./support.ts";

const fast = { backoff: { base: 20, cap: 200 } };

/** Runs a reflector of ConfigMaps until the test ends. */
function startReflector(client: KubernetesClient, options: Partial<ReflectorOptions<ConfigMap>> = {}) {
	const changes: string[] = [];
	const { log, records } = recordingLog();
	const stop = new AbortController();
	const reflector = new Reflector<ConfigMap>({
		client,
		log,
		resource: configMaps,
		onChange: (previous, current) => {
			const value = (object: ConfigMap | undefined) => (object ? (object.data?.["v"] ?? "?") : "-");
			changes.push(`${(current ?? previous)?.metadata.name} ${value(previous)}>${value(current)}`);
		},
		...options,
		timing: { ...fast, ...options.timing },
	});
	const running = reflector.run(stop.signal);
	onTestFinished(async () => {
		stop.abort();
		await running;
	});
	return { reflector, changes, records, stop, running };
}

async function write(client: KubernetesClient, namespace: string, name: string, v: string, labels = {}) {
	const metadata = { name, namespace, labels };
	return await client.apply(
		configMaps,
		{ apiVersion: "v1", kind: "ConfigMap", metadata, data: { v } },
		{ force: true },
	);
}

test("what exists is listed in pages, what happens after that is seen", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	for (const name of ["a", "b", "c", "d", "e"]) await write(client, namespace, name, "1");
	const counting = countingClient();
	const { reflector, changes } = startReflector(counting.client, { namespace, timing: { pageSize: 2 } });
	await reflector.synced;
	expect(reflector.store.size).toBe(5);
	expect(counting.requests.filter(({ verb }) => verb === "list")).toHaveLength(3);
	changes.length = 0;

	await write(client, namespace, "f", "1");
	await write(client, namespace, "a", "2");
	await client.delete(configMaps, namespace, "b");
	await eventually(() => changes.length === 3, "three changes");
	expect(changes).toEqual(["f ->1", "a 1>2", "b 1>-"]);
	expect(reflector.store.get(`${namespace}/a`)?.metadata).not.toHaveProperty("managedFields");
	expect(counting.requests.filter(({ verb }) => verb === "list")).toHaveLength(3);
});

test("only what the selectors select is held; an object that leaves the selection is gone", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await write(client, namespace, "ours", "1", { ours: "yes" });
	await write(client, namespace, "theirs", "1");
	const labelled = startReflector(client, { namespace, labelSelector: "ours=yes" });
	const named = startReflector(client, { namespace, fieldSelector: "metadata.name=later" });
	await Promise.all([labelled.reflector.synced, named.reflector.synced]);
	expect(labelled.reflector.store.list().map(({ metadata }) => metadata.name)).toEqual(["ours"]);
	expect(named.reflector.store.size).toBe(0);
	await write(client, namespace, "later", "1");
	await eventually(() => named.changes.length === 1, "the named object");
	await write(client, namespace, "ours", "2", { ours: "no" });
	await eventually(() => labelled.reflector.store.size === 0, "the object to leave");
	await write(client, namespace, "unrelated", "1");
	await client.delete(configMaps, namespace, "later");
	await eventually(() => named.changes.length === 2, "the end of the named object");
	expect(named.changes).toEqual(["later ->1", "later 1>-"]);
});

test("a watch that ends goes on where it was, without a list and without telling anything twice", async () => {
	const { client, requests } = countingClient();
	const namespace = await freshNamespace(client);
	await write(client, namespace, "a", "0");
	const { reflector, changes } = startReflector(client, { namespace, timing: { watchSeconds: 1 } });
	await reflector.synced;
	for (let v = 1; v <= 8; v++) {
		await write(client, namespace, "a", String(v));
		await sleep(400);
	}
	await eventually(() => changes.at(-1) === "a 7>8", "the last change");
	expect(changes).toEqual(["a ->0", ...Array.from({ length: 8 }, (_, v) => `a ${v}>${v + 1}`)]);
	expect(requests.filter(({ verb }) => verb === "list")).toHaveLength(1);
	expect(requests.filter(({ verb }) => verb === "watch").length).toBeGreaterThan(1);
	expect(client.connections.opened).toBeLessThanOrEqual(maxCallConnections + 1);
});

test("a version that the server has forgotten leads to a new list, which tells what was missed", async () => {
	// A control plane of its own: compaction would disturb the other tests, and the server must be away for a moment.
	const own = await startControlPlane(inject("binaries"));
	onTestFinished(async () => await own.stop());
	const { client, requests } = countingClientOf(own.kubeconfig);
	const namespace = await freshNamespace(client);
	for (const name of ["stays", "changes", "goes"]) await write(client, namespace, name, "1");
	const { reflector, changes, records } = startReflector(client, { namespace });
	await reflector.synced;
	changes.length = 0;

	// The watch cache of a running server hides a compaction; a new server has only what etcd still has.
	await own.killApiserver();
	await eventually(() => records.some(({ msg }) => String(msg).startsWith("watch")), "the lost connection");
	const etcdctl = await changeBehindTheServersBack(own.etcd, namespace);
	await compact(own.etcd);
	await own.startApiserver();
	await eventually(() => changes.length >= 1, "the missed deletion");
	await write(client, namespace, "changes", "2");
	await write(client, namespace, "new", "1");
	await eventually(() => changes.length >= 3, "the changes afterwards");
	expect(etcdctl.deleted).toBe("1");
	expect(JSON.stringify(records)).toMatch(/watch configmaps [^:]*: 410 Expired/);
	expect(changes).toEqual(["goes 1>-", "changes 1>2", "new ->1"]);
	expect(reflector.store.list().map(({ metadata }) => metadata.name)).toEqual(["stays", "changes", "new"]);
	expect(requests.filter(({ verb, status }) => verb === "list" && status === 200)).toHaveLength(2);
}, 120_000);

function countingClientOf(kubeconfig: string) {
	const requests: { verb: string; status: number }[] = [];
	return { client: testClient({ onRequest: (record) => requests.push(record) }, kubeconfig), requests };
}

/** Deletes a ConfigMap in etcd while no API server runs, and moves the revision on so that there is something to forget. */
async function changeBehindTheServersBack(etcd: string, namespace: string): Promise<{ deleted: string }> {
	const key = btoa(`/registry/configmaps/${namespace}/goes`);
	const response = await request(`${etcd}/v3/kv/deleterange`, { method: "POST", body: JSON.stringify({ key }) });
	for (let n = 0; n < 5; n++) {
		const body = JSON.stringify({ key: btoa("/moves/on"), value: btoa(String(n)) });
		await (await request(`${etcd}/v3/kv/put`, { method: "POST", body })).body.dump();
	}
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- etcd's JSON gateway
	return (await response.body.json()) as { deleted: string };
}

test("a handler that throws is logged and stalls nothing", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const seen: string[] = [];
	const { reflector, records } = startReflector(client, {
		namespace,
		onChange: (_previous, current) => {
			seen.push(current?.metadata.name ?? "-");
			throw new Error("handler defect");
		},
	});
	await reflector.synced;
	await write(client, namespace, "a", "1");
	await write(client, namespace, "b", "1");
	await eventually(() => seen.length === 2, "both changes");
	expect(records.filter(({ msg }) => msg === "a change handler failed")).toHaveLength(2);
});

test("a connection that has gone silent is given up, and what was missed is told without a list", async () => {
	const proxy = await startProxy();
	const { client, requests } = countingClient({}, proxy.kubeconfig);
	const admin = testClient();
	const namespace = await freshNamespace(admin);
	const { reflector, changes, records } = startReflector(client, { namespace, timing: { idleTimeout: 1500 } });
	await reflector.synced;
	await write(admin, namespace, "a", "1");
	await eventually(() => changes.length === 1, "the watch to work");

	proxy.freeze();
	await write(admin, namespace, "b", "1");
	await eventually(() => JSON.stringify(records).includes("nothing came for 1.5 s"), "the silence to be noticed");
	expect(changes).toEqual(["a ->1"]);
	proxy.thaw();
	await eventually(() => changes.length === 2, "the missed change", 60_000);
	expect(changes).toEqual(["a ->1", "b ->1"]);
	expect(requests.filter(({ verb }) => verb === "list")).toHaveLength(1);
}, 90_000);

test("what cannot be listed is tried again until it can, and stopped before that rejects synced", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const unreachable = testClient();
	let allowed = false;
	const list = client.list.bind(client);
	unreachable.list = async (resource, options) => {
		if (!allowed) throw new Error("not yet");
		return await list(resource, options);
	};
	const { reflector, records } = startReflector(unreachable, { namespace });
	await eventually(() => records.filter(({ msg }) => msg === "list failed").length >= 3, "some failures");
	expect(reflector.isSynced).toBe(false);
	allowed = true;
	await reflector.synced;

	allowed = false;
	const stopped = startReflector(unreachable, { namespace });
	stopped.stop.abort(new Error("shutting down"));
	await stopped.running;
	await expect(stopped.reflector.synced).rejects.toThrow("shutting down");
});

test("what a write returned is in the store before the watch brings it, and is told once", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const { reflector, changes } = startReflector(client, { namespace });
	await reflector.synced;
	reflector.store.remember(await write(client, namespace, "a", "1"));
	expect(reflector.store.get(`${namespace}/a`)?.data).toEqual({ v: "1" });
	await write(client, namespace, "b", "1");
	await eventually(() => changes.some((change) => change.startsWith("b")), "the next object");
	expect(changes).toEqual(["a ->1", "b ->1"]);
});
