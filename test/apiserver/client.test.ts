import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { Connection, loadKubeConfig, maxCallConnections } from "../../src/kubernetes/connection.ts";
import { ApiError, ApiUnreachableError } from "../../src/kubernetes/errors.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";
import { type ConfigMap, configMaps, deployments, secrets } from "../../src/kubernetes/resources.ts";
import { startApiProxy } from "./api-proxy.ts";
import { loopbackCertificates } from "./certificates.ts";
import { countingClient, eventually, freshNamespace, temporaryKubeconfig, testClient } from "./support.ts";

const configMap = (namespace: string, name: string, data: Record<string, string> = {}): ConfigMap => ({
	apiVersion: "v1",
	kind: "ConfigMap",
	metadata: { name, namespace },
	data,
});

test("objects are made, read, patched, replaced, applied and deleted", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const created = await client.create(configMaps, configMap(namespace, "a", { one: "1" }));
	expect(created).toMatchObject({ kind: "ConfigMap", metadata: { name: "a", namespace }, data: { one: "1" } });
	expect(created.metadata).not.toHaveProperty("managedFields");

	const patched = await client.mergePatch(configMaps, namespace, "a", { data: { one: null, two: "2" } });
	expect(patched.data).toEqual({ two: "2" });

	await expect(client.replace(configMaps, { ...created, data: {} })).rejects.toMatchObject({
		status: 409,
		reason: "Conflict",
	});
	const replaced = await client.replace(configMaps, { ...patched, data: { three: "3" } });
	expect(replaced.data).toEqual({ three: "3" });

	const applied = await client.apply(configMaps, configMap(namespace, "b", { four: "4" }), { force: false });
	const list = await client.list(configMaps, { namespace });
	expect(list.items.map(({ kind, metadata }) => [kind, metadata.name])).toEqual([
		["ConfigMap", "a"],
		["ConfigMap", "b"],
	]);

	await expect(client.delete(configMaps, namespace, "b", { uid: created.metadata.uid })).rejects.toMatchObject({
		reason: "Conflict",
	});
	expect(await client.delete(configMaps, namespace, "b", { uid: applied.metadata.uid })).toBe(true);
	expect(await client.delete(configMaps, namespace, "b")).toBe(false);
	expect(await client.get(configMaps, namespace, "b")).toBeUndefined();
});

test("lists come in pages and obey selectors", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	for (const name of ["a", "b", "c", "d", "e"]) {
		const object = configMap(namespace, name);
		await client.create(configMaps, {
			...object,
			metadata: { ...object.metadata, labels: { odd: String("ace".includes(name)) } },
		});
	}
	const first = await client.list(configMaps, { namespace, limit: 2 });
	expect(first.items.map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
	const second = await client.list(configMaps, { namespace, limit: 2, continue: first.continue });
	expect(second.items.map(({ metadata }) => metadata.name)).toEqual(["c", "d"]);
	expect(second.resourceVersion).toBe(first.resourceVersion);
	const labelled = await client.list(configMaps, { namespace, labelSelector: "odd=true" });
	expect(labelled.items).toHaveLength(3);
	const named = await client.list(configMaps, { namespace, fieldSelector: "metadata.name=c" });
	expect(named.items).toHaveLength(1);
});

test("an apply of a subresource changes the status alone, under our field manager", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const labels = { app: "x" };
	await client.apply(
		deployments,
		{
			apiVersion: "apps/v1",
			kind: "Deployment",
			metadata: { name: "web", namespace },
			spec: {
				replicas: 1,
				selector: { matchLabels: labels },
				template: { metadata: { labels }, spec: { containers: [{ name: "main", image: "x" }] } },
			},
		},
		{ force: false },
	);
	const status = { replicas: 3, observedGeneration: 1 };
	const object = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace }, status };
	const applied = await client.apply(deployments, object, { force: true, subresource: "status" });
	expect(applied.status).toMatchObject(status);
	expect(applied.spec?.replicas).toBe(1);
	expect(applied.metadata.generation).toBe(1);
	// The same again is no write.
	const again = await client.apply(deployments, object, { force: true, subresource: "status" });
	expect(again.metadata.resourceVersion).toBe(applied.metadata.resourceVersion);
});

test("an apply without force does not take fields that another manager set", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await client.create(configMaps, configMap(namespace, "a", { key: "theirs" }));
	// The creator was xmppfed too, but by create: applying is another way of owning.
	const refused = client.apply(configMaps, configMap(namespace, "a", { key: "ours" }), { force: false });
	await expect(refused).rejects.toMatchObject({ status: 409, reason: "Conflict" });
	const taken = await client.apply(configMaps, configMap(namespace, "a", { key: "ours" }), { force: true });
	expect(taken.data).toEqual({ key: "ours" });
});

test("an object that is not there is undefined; a kind that is not there is an error", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const nothing: Resource = { apiVersion: "nothing.example/v1", kind: "Nothing", plural: "nothings", namespaced: true };
	expect(await client.get(configMaps, namespace, "none")).toBeUndefined();
	await expect(client.get(nothing, namespace, "none")).rejects.toThrow(ApiError);
});

test("what the API server refuses names the field and shows no data of a Secret", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace } };
	const key = client.create(secrets, { ...secret, data: { "not a key": btoa("hunter2") } });
	await expect(key).rejects.toMatchObject({ status: 422, reason: "Invalid" });
	await expect(key).rejects.toThrow(/data\[not a key\]/);
	const data = client.create(secrets, { ...secret, data: { password: "hunter2 in the clear" } });
	await expect(data).rejects.toMatchObject({ status: 400 });
	await expect(data).rejects.not.toThrow(/hunter2/);
});

test("many calls at once use few connections, over and over", async () => {
	const { client, requests } = countingClient();
	const namespace = await freshNamespace(client);
	for (let round = 0; round < 3; round++) {
		await Promise.all(Array.from({ length: 100 }, async () => await client.list(configMaps, { namespace, limit: 1 })));
	}
	expect(client.connections.opened).toBeLessThanOrEqual(maxCallConnections);
	expect(requests.filter(({ verb, status }) => verb === "list" && status === 200)).toHaveLength(300);
});

test("the caller's own reason comes back when it aborts", async () => {
	const client = testClient();
	const reason = new Error("stopping");
	const call = client.list(configMaps, { signal: AbortSignal.abort(reason) });
	await expect(call).rejects.toBe(reason);
});

test("beforeWrite can forbid writes, and only writes", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const guarded = client.with({
		beforeWrite: () => {
			throw new Error("not now");
		},
	});
	await expect(guarded.create(configMaps, configMap(namespace, "a"))).rejects.toThrow("not now");
	await expect(guarded.delete(configMaps, namespace, "a")).rejects.toThrow("not now");
	expect((await guarded.list(configMaps, { namespace })).items).toEqual([]);
});

test("a write that had to wait for a connection is not sent when it may not be any more", async () => {
	const proxy = await startApiProxy();
	let leading = true;
	const connection = new Connection(loadKubeConfig({ kubeconfig: proxy.kubeconfig }), 1);
	const client = new KubernetesClient(connection, {
		beforeWrite: () => {
			if (!leading) throw new Error("not now");
		},
	});
	onTestFinished(async () => await client.close());
	const namespace = await freshNamespace(testClient());
	await client.create(configMaps, configMap(namespace, "before"));
	proxy.fault = ({ verb }) => (verb === "list" ? { delay: 500 } : undefined);
	const holdsTheConnection = client.list(configMaps, { namespace });
	const waiting = client.create(configMaps, configMap(namespace, "after"));
	await eventually(() => proxy.requests.some(({ verb }) => verb === "list"), "the list to be under way");
	leading = false;
	await expect(waiting).rejects.toThrow("not now");
	expect((await holdsTheConnection).items).toHaveLength(1);
	expect(proxy.writes().map(({ verb }) => verb)).toEqual(["create"]);
});

test("a context that does not exist is refused with those that do", async () => {
	const kubeconfig = await temporaryKubeconfig(kubeconfigFor("https://127.0.0.1:1", ""));
	expect(() => loadKubeConfig({ kubeconfig, context: "prod" })).toThrow(/no context "prod"; it has: stand-in/);
	const client = new KubernetesClient(loadKubeConfig({ kubeconfig, context: "stand-in" }));
	await expect(client.list(configMaps)).rejects.toThrow(ApiUnreachableError);
	await expect(client.list(configMaps)).rejects.toThrow(/list configmaps: no answer .* ECONNREFUSED/);
});

function kubeconfigFor(server: string, ca: string): string {
	return JSON.stringify({
		clusters: [{ name: "c", cluster: { server, "certificate-authority-data": btoa(ca) } }],
		users: [{ name: "u", user: { token: "t" } }],
		contexts: [{ name: "stand-in", context: { cluster: "c", user: "u" } }],
		"current-context": "stand-in",
	});
}

/** A server that answers as an overloaded API server does, which a real one cannot be made to do at will. */
async function overloaded(status: number, answers: number, retryAfter: string | undefined) {
	const { ca, server: pair } = await loopbackCertificates();
	let seen = 0;
	const server = createServer({ key: pair.key, cert: pair.certificate }, (_request, response) => {
		const refuse = seen++ < answers;
		if (refuse) response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter });
		response.end(refuse ? "{}" : JSON.stringify({ metadata: { resourceVersion: "1" }, items: [] } satisfies object));
	});
	await new Promise<void>((resolve) => {
		server.listen(0, "127.0.0.1", resolve);
	});
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
	const { port } = server.address() as AddressInfo;
	const kubeconfig = await temporaryKubeconfig(kubeconfigFor(`https://127.0.0.1:${port}`, ca));
	const client = new KubernetesClient(loadKubeConfig({ kubeconfig }));
	onTestFinished(async () => {
		await client.close();
		server.close();
	});
	return { client, seen: () => seen };
}

test("429 is repeated after the time that the server asks for", async () => {
	const { client, seen } = await overloaded(429, 1, "1");
	const started = performance.now();
	await client.list<KubernetesObject>(configMaps);
	expect(seen()).toBe(2);
	expect(performance.now() - started).toBeGreaterThan(900);
});

test("429 is not repeated for ever, and within the time-out of the call", async () => {
	const { client, seen } = await overloaded(429, 1000, "1");
	await expect(client.list(configMaps, { timeout: 1500 })).rejects.toThrow(/no answer within 1.5 s/);
	expect(seen()).toBe(2);
});

test("503 is repeated only where the server says when", async () => {
	const { client, seen } = await overloaded(503, 1000, undefined);
	await expect(client.list(configMaps)).rejects.toMatchObject({ status: 503 });
	expect(seen()).toBe(1);
});
