import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../src/kubernetes/connection.ts";
import { services } from "../../src/kubernetes/resources.ts";
import { startApiProxy } from "./api-proxy.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { applyCrds, customResourceDefinitions } from "./crds.ts";
import { compact } from "./etcd.ts";
import {
	condition,
	federation,
	federations,
	impatient,
	objectCount,
	ownedObjects,
	removeOwned,
	startOperator,
} from "./operator-support.ts";
import { grant, installedRules, kubeconfigOf } from "./rights.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

/** A control plane of this file's own: what is done to it would disturb other tests. */
let own: ControlPlane;
beforeAll(async () => {
	own = await startControlPlane(inject("binaries"));
	const client = new KubernetesClient(loadKubeConfig({ kubeconfig: own.kubeconfig }));
	await applyCrds(client);
	await client.close();
});
afterAll(async () => await own?.stop());

async function setup(timing = impatient) {
	const client = testClient({}, own.kubeconfig);
	const namespace = await freshNamespace(client);
	await grant(client, namespace, await installedRules());
	const proxy = await startApiProxy(await kubeconfigOf(namespace, "operator", own.kubeconfig));
	const operator = startOperator(namespace, {}, { kubeconfig: proxy.kubeconfig, timing });
	return { client, namespace, proxy, operator };
}

const made = async (client: KubernetesClient, namespace: string, name: string) =>
	await eventually(
		async () => (await ownedObjects(client, namespace, name)).length === objectCount,
		`all objects of ${name}`,
		60_000,
	);

/** Labels of the Services of a federation, which follow `spec.service.labels` without a restart of a node. */
async function labelled(client: KubernetesClient, namespace: string, team: string): Promise<boolean> {
	const { items } = await client.list(services, { namespace });
	return items.some(({ metadata }) => metadata.labels?.["team"] === team);
}

const team = (name: string) => ({ spec: { service: { labels: { team: name } } } });

test("an API server that is killed and comes back: what is changed right after is taken, and nothing is made twice", async () => {
	const { client, namespace, proxy, operator } = await setup();
	await client.create(federations, federation(namespace, "example"));
	await made(client, namespace, "example");
	await own.killApiserver();
	await eventually(() => proxy.watches() === 0, "the loss of all watches");
	await sleep(1_000);
	const mark = proxy.requests.length;
	await own.startApiserver();
	await client.mergePatch(federations, namespace, "example", team("a"));
	await client.create(federations, federation(namespace, "another"));
	await eventually(async () => await labelled(client, namespace, "a"), "the change");
	await made(client, namespace, "another");
	const since = proxy.requests.slice(mark).filter(({ status }) => status === 200 || status === 201);
	// The new server may not know the versions of the old one; one list of a kind is enough then.
	const lists = since.filter(({ verb }) => verb === "list").map(({ resource }) => resource);
	expect(lists).toEqual([...new Set(lists)]);
	// Nothing of what was there is written.
	expect(since.filter(({ verb, resource }) => verb === "patch" && resource === "deployments")).toHaveLength(2);
	// A server that has just started refuses what it cannot yet judge: that is no missing right.
	expect(operator.records.filter(({ reason }) => reason === "Forbidden")).toEqual([]);
}, 180_000);

test("etcd and API server killed together, and the history forgotten: the operator lists again and goes on", async () => {
	const { client, namespace, proxy, operator } = await setup();
	await client.create(federations, federation(namespace, "example"));
	await client.create(federations, federation(namespace, "goes"));
	await made(client, namespace, "example");
	await made(client, namespace, "goes");
	// The operator does not see what happens next: it is cut off until the history is gone.
	proxy.fault = () => ({ lose: "request" });
	proxy.cut();
	await client.delete(federations, namespace, "goes");
	await client.mergePatch(federations, namespace, "example", team("b"));
	await own.killApiserver();
	await own.killEtcd();
	own.startEtcd();
	await eventually(async () => await compact(own.etcd).then(() => true), "etcd");
	// The watch cache of a running API server would still know the history.
	await own.startApiserver();
	const mark = proxy.requests.length;
	proxy.fault = undefined;
	await eventually(async () => await labelled(client, namespace, "b"), "the change that was missed");
	expect(
		proxy.requests.slice(mark).filter(({ verb, status }) => verb === "list" && status === 200).length,
	).toBeGreaterThan(0);
	expect(JSON.stringify(operator.records)).toMatch(/watch xmppfederations [^:]*: 410 Expired/);
	// The one that went is not brought back: no write is for it.
	await sleep(1_000);
	const writes = proxy.writes().filter(({ at }) => at > (proxy.requests[mark]?.at ?? 0));
	expect(writes.filter(({ name }) => name?.startsWith("goes"))).toEqual([]);
	expect(writes.filter(({ resource }) => resource === "deployments")).toEqual([]);
}, 180_000);

test("etcd away and back under a running API server: changes afterwards are taken", async () => {
	const { client, namespace } = await setup();
	await client.create(federations, federation(namespace, "example"));
	await made(client, namespace, "example");
	await own.killEtcd();
	await sleep(2_000);
	own.startEtcd();
	await eventually(
		async () => await client.mergePatch(federations, namespace, "example", team("c")),
		"a write that is answered",
		60_000,
	);
	expect(await eventually(async () => await labelled(client, namespace, "c"), "the change", 60_000)).toBe(true);
}, 180_000);

test("a CRD that is removed is named in the log, without a hot loop; when it is back, so is the operator", async () => {
	const { client, namespace, proxy, operator } = await setup();
	await client.create(federations, federation(namespace, "example"));
	await made(client, namespace, "example");
	await client.delete(customResourceDefinitions, undefined, "xmppfederations.xmppfed.dev");
	const missing = "the API server has no xmppfederations: the CRD that defines them is not installed";
	await eventually(() => operator.records.some(({ msg }) => msg === missing), "the log", 60_000);
	// What belonged to the federations is the garbage collector's, who is played here.
	for (const name of await ownedObjects(client, namespace, "example")) await removeOwned(client, namespace, name);
	await sleep(500);
	const mark = proxy.requests.length;
	await sleep(4_000);
	// The back-off of this test ends at 0.5 s (30 s outside of it).
	const meanwhile = proxy.requests.slice(mark).filter(({ verb }) => verb !== "watch");
	expect(meanwhile.length).toBeGreaterThan(0);
	expect(meanwhile.length).toBeLessThanOrEqual(20);
	expect(meanwhile.filter(({ resource }) => resource !== "xmppfederations")).toEqual([]);

	await applyCrds(client);
	await client.create(federations, federation(namespace, "example"));
	await made(client, namespace, "example");
	await eventually(
		async () => (await condition(client, namespace, "example", "Accepted"))?.text === "True Accepted",
		"Accepted",
	);
	expect((await condition(client, namespace, "example", "Degraded"))?.text).toBe("False AsExpected");
}, 180_000);
