import { describe, expect, onTestFinished, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { type KubernetesObject, keyOf, type Observed, type Resource } from "../../src/kubernetes/object.ts";
import { ForeignObjectError, OwnedObjects } from "../../src/kubernetes/owned.ts";
import { Reflector } from "../../src/kubernetes/reflector.ts";
import {
	type ConfigMap,
	configMaps,
	deployments,
	podDisruptionBudgets,
	secrets,
	services,
} from "../../src/kubernetes/resources.ts";
import {
	controlledBy,
	countingClient,
	eventually,
	freshNamespace,
	rawObject,
	recordingLog,
	testClient,
} from "./support.ts";

const ourLabels = { "app.kubernetes.io/managed-by": "owned-test" };

async function setUp() {
	const admin = testClient();
	const namespace = await freshNamespace(admin);
	const owner = await makeOwner(admin, namespace, "federation");
	return { admin, namespace, owner };
}

/** Any object can be an owner; a ConfigMap needs no controller that would remove it. */
async function makeOwner(client: KubernetesClient, namespace: string, name: string): Promise<Observed<ConfigMap>> {
	return await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace } });
}

/** The writer under test with its cache, as the operator has it, and what it asked of the API server. */
async function ownedObjects<T extends KubernetesObject>(resource: Resource<T>, namespace: string) {
	const { client, requests, writes } = countingClient();
	const reflector = new Reflector<T>({
		client: testClient(),
		log: recordingLog().log,
		resource,
		namespace,
		labelSelector: "app.kubernetes.io/managed-by=owned-test",
	});
	const stop = new AbortController();
	const running = reflector.run(stop.signal);
	onTestFinished(async () => {
		stop.abort();
		await running;
	});
	await reflector.synced;
	return { owned: new OwnedObjects<T>(client, resource, reflector.store), store: reflector.store, requests, writes };
}

interface Body extends KubernetesObject {
	readonly spec?: object;
	readonly data?: Readonly<Record<string, string>>;
	readonly immutable?: boolean;
	readonly type?: string;
}

function podTemplate(labels: Record<string, string>, image: string) {
	return {
		metadata: { labels },
		spec: {
			automountServiceAccountToken: false,
			nodeSelector: { disk: "fast" },
			containers: [
				{
					name: "main",
					image,
					ports: [
						{ name: "dns", containerPort: 53, protocol: "UDP" },
						{ name: "dns-tcp", containerPort: 53, protocol: "TCP" },
					],
					resources: { requests: { cpu: "1000m", memory: "1024Mi" } },
					volumeMounts: [
						{ name: "data", mountPath: "/data" },
						{ name: "data", mountPath: "/tmp", subPath: "tmp" },
					],
				},
			],
			volumes: [{ name: "data", emptyDir: { sizeLimit: "1024Mi" } }],
		},
	};
}

const selector = { app: "ours" };
const kinds: readonly {
	resource: Resource<Body>;
	spec: (variant: string) => object;
	foreign: Record<string, object>;
}[] = [
	{
		resource: services,
		spec: (variant) => ({
			selector,
			ports: [{ name: "xmpp-server", port: 5269, protocol: "TCP", targetPort: variant }],
		}),
		foreign: {
			"with a selector": { selector: { app: "theirs" }, ports: [{ port: 5269 }] },
			// Nothing in it contradicts ours: an apply without force would take it over.
			"without a selector": { ports: [{ name: "web", port: 80 }] },
			"with our fields": { selector, ports: [{ name: "xmpp-server", port: 5269, targetPort: "a" }] },
		},
	},
	{
		resource: deployments,
		spec: (variant) => ({ replicas: 1, selector: { matchLabels: selector }, template: podTemplate(selector, variant) }),
		foreign: {
			"with a selector": {
				replicas: 3,
				selector: { matchLabels: { app: "theirs" } },
				template: podTemplate({ app: "theirs" }, "x"),
			},
			"with our fields": { replicas: 1, selector: { matchLabels: selector }, template: podTemplate(selector, "a") },
		},
	},
	{
		resource: podDisruptionBudgets,
		spec: (variant) => ({ maxUnavailable: variant.length, selector: { matchLabels: selector } }),
		foreign: {
			"with a selector": { minAvailable: 1, selector: { matchLabels: { app: "theirs" } } },
			"without a selector": { maxUnavailable: 1 },
			"with our fields": { maxUnavailable: 1, selector: { matchLabels: selector } },
		},
	},
];

describe.each(kinds)("a mutable object: $resource.kind", ({ resource, spec, foreign }) => {
	const desired = (owner: Observed, variant = "a"): Body => ({
		apiVersion: resource.apiVersion,
		kind: resource.kind,
		metadata: {
			name: "ours",
			...(owner.metadata.namespace !== undefined && { namespace: owner.metadata.namespace }),
			labels: ourLabels,
			ownerReferences: controlledBy(owner),
		},
		spec: spec(variant),
	});

	test("is made with one request; nothing is asked when nothing changed, nor right after the write", async () => {
		const { namespace, owner } = await setUp();
		const { owned, requests } = await ownedObjects(resource, namespace);
		expect((await owned.apply(desired(owner))).state).toBe("Created");
		for (let n = 0; n < 3; n++) expect((await owned.apply(desired(owner))).state).toBe("InSync");
		expect(requests.map(({ verb, status }) => `${verb} ${status}`)).toEqual(["apply 201"]);
	});

	test("a new process finds it in sync without a request", async () => {
		const { namespace, owner } = await setUp();
		const first = await ownedObjects(resource, namespace);
		await first.owned.apply(desired(owner));
		const second = await ownedObjects(resource, namespace);
		expect(second.store.size).toBe(1);
		expect((await second.owned.apply(desired(owner))).state).toBe("InSync");
		expect(second.requests).toEqual([]);
	});

	test("is changed with one request, and fields that are no longer wanted go", async () => {
		const { namespace, owner } = await setUp();
		const { owned, requests } = await ownedObjects(resource, namespace);
		const before = desired(owner);
		await owned.apply({ ...before, metadata: { ...before.metadata, labels: { ...ourLabels, extra: "1" } } });
		const changed = await owned.apply(desired(owner, "ab"));
		expect(changed.state).toBe("Changed");
		expect(changed.object.metadata.labels).toEqual(ourLabels);
		expect(requests.map(({ verb, status }) => `${verb} ${status}`)).toEqual(["apply 201", "apply 200"]);
	});

	test("a field of ours that somebody changed is put right once; fields of others are left alone", async () => {
		const { admin, namespace, owner } = await setUp();
		const { owned, store, writes } = await ownedObjects(resource, namespace);
		await owned.apply(desired(owner));
		const theirs = { metadata: { annotations: { "cloud.example/address": "192.0.2.1" }, labels: { team: "x" } } };
		const annotated = await admin.mergePatch(resource, namespace, "ours", theirs);
		const seen = async (version: string) =>
			await eventually(() => store.get(`${namespace}/ours`)?.metadata.resourceVersion === version, "the change");
		await seen(annotated.metadata.resourceVersion);
		expect((await owned.apply(desired(owner))).state).toBe("InSync");

		const label = {
			metadata: {
				labels: { "app.kubernetes.io/managed-by": "owned-test", team: "y" },
				ownerReferences: controlledBy(owner),
			},
		};
		expect((await admin.mergePatch(resource, namespace, "ours", label)).kind).toBe(resource.kind);
		const broken = await admin.mergePatch(resource, namespace, "ours", brokenSpec(resource));
		await seen(broken.metadata.resourceVersion);
		const repaired = await owned.apply(desired(owner));
		expect(repaired.state).toBe("Drifted");
		expect(repaired.object.metadata).toMatchObject({ annotations: theirs.metadata.annotations, labels: { team: "y" } });
		expect((await owned.apply(desired(owner))).state).toBe("InSync");
		expect(writes()).toHaveLength(2);
	});

	test("one that lost our labels, and so is in no cache of ours, is found and repaired", async () => {
		const { admin, namespace, owner } = await setUp();
		const { owned, store } = await ownedObjects(resource, namespace);
		const { object } = await owned.apply(desired(owner));
		await admin.mergePatch(resource, namespace, "ours", { metadata: { labels: null } });
		await eventually(() => store.size === 0, "the object to leave the cache");
		const repaired = await owned.apply(desired(owner));
		expect(repaired.object.metadata.uid).toBe(object.metadata.uid);
		expect(repaired.object.metadata.labels).toEqual(ourLabels);
	});

	test("one that was deleted behind our back is made again", async () => {
		const { admin, namespace, owner } = await setUp();
		const { owned, store } = await ownedObjects(resource, namespace);
		const { object } = await owned.apply(desired(owner));
		await admin.delete(resource, namespace, "ours");
		const stale = store.get(keyOf(object));
		const again = await owned.apply(desired(owner, "ab"));
		expect(again.object.metadata.uid).not.toBe(object.metadata.uid);
		expect(stale === undefined || stale.metadata.uid === object.metadata.uid).toBe(true);
	});

	describe.each(Object.entries(foreign))("of somebody else %s", (_name, foreignSpec) => {
		test.each([
			["no owner", undefined],
			["another controller", "other"],
			["a former federation of our name", "federation"],
		])("and with %s is left untouched", async (_title, controller) => {
			const { admin, namespace, owner } = await setUp();
			const other = controller && {
				...owner,
				metadata: { ...owner.metadata, name: controller, uid: crypto.randomUUID() },
			};
			await admin.create(resource, {
				apiVersion: resource.apiVersion,
				kind: resource.kind,
				metadata: { name: "ours", namespace, ...(other && { ownerReferences: controlledBy(other) }) },
				spec: foreignSpec,
			});
			const before = await rawObject(resource, namespace, "ours");
			const { owned, store, writes } = await ownedObjects(resource, namespace);
			const applying = owned.apply(desired(owner));
			await expect(applying).rejects.toThrow(ForeignObjectError);
			const says = { no: "nobody", other: "ConfigMap other", federation: "a former ConfigMap federation" };
			await expect(applying).rejects.toThrow(says[controller === "other" ? "other" : controller ? "federation" : "no"]);
			expect(await rawObject(resource, namespace, "ours")).toBe(before);
			expect(store.size).toBe(0);
			expect(writes().map(({ status }) => status)).toEqual([409]);
		});
	});

	test("one that carries our labels but is somebody else's is left untouched without a request", async () => {
		const { admin, namespace, owner } = await setUp();
		const other = await makeOwner(admin, namespace, "other");
		await admin.create(resource, desired(other));
		const before = await rawObject(resource, namespace, "ours");
		const { owned, store, requests } = await ownedObjects(resource, namespace);
		await eventually(() => store.size === 1, "the foreign object in the cache");
		await expect(owned.apply(desired(owner, "ab"))).rejects.toThrow(ForeignObjectError);
		expect(requests).toEqual([]);
		expect(await rawObject(resource, namespace, "ours")).toBe(before);
	});

	test("one that was replaced by somebody else's since the cache saw it is left untouched", async () => {
		const { admin, namespace, owner } = await setUp();
		const { owned, store } = await ownedObjects(resource, namespace);
		const { object } = await owned.apply(desired(owner));
		await admin.delete(resource, namespace, "ours");
		const other = await makeOwner(admin, namespace, "other");
		await admin.create(resource, desired(other));
		const before = await rawObject(resource, namespace, "ours");
		// The cache as it was before.
		await eventually(() => store.get(keyOf(object))?.metadata.uid !== object.metadata.uid, "the cache to follow");
		const stale = await ownedObjects(resource, namespace);
		stale.store.remove({ ...object, metadata: { ...object.metadata, resourceVersion: "999999999" } });
		stale.store.upsert({ ...object, metadata: { ...object.metadata, resourceVersion: "999999999" } });
		await expect(stale.owned.apply(desired(owner, "ab"))).rejects.toThrow(ForeignObjectError);
		expect(await rawObject(resource, namespace, "ours")).toBe(before);
	});
});

/** A change by somebody else of a field that we set. */
function brokenSpec(resource: Resource): object {
	switch (resource.kind) {
		case "Service":
			return { spec: { selector: { app: "ours", more: "x" } } };
		case "Deployment":
			return { spec: { replicas: 7 } };
		default:
			return { spec: { maxUnavailable: 9 } };
	}
}

describe.each([configMaps, secrets] as readonly Resource<Body>[])("an immutable object: $kind", (resource) => {
	const desired = (owner: Observed): Body => ({
		apiVersion: resource.apiVersion,
		kind: resource.kind,
		metadata: {
			name: "ours-abc",
			...(owner.metadata.namespace !== undefined && { namespace: owner.metadata.namespace }),
			labels: ourLabels,
			ownerReferences: controlledBy(owner),
		},
		immutable: true,
		data: { key: btoa("value") },
	});

	test("is made with one request, and found afterwards without one", async () => {
		const { namespace, owner } = await setUp();
		const { owned, requests } = await ownedObjects(resource, namespace);
		expect((await owned.create(desired(owner))).state).toBe("Created");
		expect((await owned.create(desired(owner))).state).toBe("InSync");
		expect(requests.map(({ verb, status }) => `${verb} ${status}`)).toEqual(["create 201"]);
	});

	test("one of ours that the cache does not hold yet, or that lost its labels, is found", async () => {
		const { admin, namespace, owner } = await setUp();
		const { owned, store, requests } = await ownedObjects(resource, namespace);
		const unlabelled = desired(owner);
		const made = await admin.create(resource, { ...unlabelled, metadata: { ...unlabelled.metadata, labels: {} } });
		const found = await owned.create(desired(owner));
		expect(found.object.metadata.uid).toBe(made.metadata.uid);
		expect(requests.map(({ verb, status }) => `${verb} ${status}`)).toEqual(["create 409", "get 200", "patch 200"]);
		expect(store.get(keyOf(made))?.metadata.labels).toEqual(ourLabels);
	});

	test.each([["nobody"], ["another controller"]])("one that belongs to %s is left untouched", async (whose) => {
		const { admin, namespace, owner } = await setUp();
		const other = await makeOwner(admin, namespace, "other");
		const body = desired(other);
		const metadata = {
			name: "ours-abc",
			namespace,
			...(whose !== "nobody" && { ownerReferences: controlledBy(other) }),
		};
		await admin.create(resource, { ...body, metadata });
		const before = await rawObject(resource, namespace, "ours-abc");
		const { owned } = await ownedObjects(resource, namespace);
		const creating = owned.create(desired(owner));
		await expect(creating).rejects.toThrow(ForeignObjectError);
		await expect(creating).rejects.toMatchObject({ kind: resource.kind, namespace, objectName: "ours-abc" });
		expect(await rawObject(resource, namespace, "ours-abc")).toBe(before);
	});
});

test("an object of ours that is being deleted is not written to", async () => {
	const { admin, namespace, owner } = await setUp();
	const { owned, store, writes } = await ownedObjects(configMaps, namespace);
	const metadata = { name: "ours", namespace, labels: ourLabels, ownerReferences: controlledBy(owner) };
	const desired: ConfigMap = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { v: "1" } };
	await owned.apply(desired);
	await admin.mergePatch(configMaps, namespace, "ours", { metadata: { finalizers: ["test.example/hold"] } });
	await admin.delete(configMaps, namespace, "ours");
	await eventually(() => store.get(`${namespace}/ours`)?.metadata.deletionTimestamp, "the deletion to be seen");
	expect((await owned.apply({ ...desired, data: { v: "2" } })).state).toBe("Terminating");
	expect((await owned.create(desired)).state).toBe("Terminating");
	expect(writes()).toHaveLength(1);
});

test("an object without a controller cannot be asked for", async () => {
	const { namespace } = await setUp();
	const { owned, requests } = await ownedObjects(configMaps, namespace);
	const orphan: ConfigMap = {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name: "x", namespace, labels: ourLabels },
	};
	await expect(owned.apply(orphan)).rejects.toThrow(/no controller/);
	await expect(owned.create(orphan)).rejects.toThrow(/no controller/);
	expect(requests).toEqual([]);
});
