import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { events, namespaces, secrets, services } from "../../src/kubernetes/resources.ts";
import { publicServiceName } from "../../src/model/names.ts";
import { base64, certificate, key } from "../unit/fixtures/federation.ts";
import {
	condition,
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
import { eventually, rawObject } from "./support.ts";

describe("bad input", () => {
	test("a missing Secret is named, stops nothing else, and is taken when it comes", async () => {
		const { client, namespace } = await newNamespace();
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
		const { client, namespace } = await newNamespace();
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
		const { client, namespace } = await newNamespace();
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
		const { client, namespace } = await newNamespace();
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

	test("a namespace that is being deleted is left alone", async () => {
		const { client, namespace } = await newNamespace();
		await client.create(federations, federation(namespace, "example"));
		// No controller is here that would end the deletion.
		await client.delete(namespaces, undefined, namespace);
		const operator = startOperator(namespace);
		await eventually(() => operator.requests.some(({ status }) => status === 403), "a refused request");
		await sleep(quiet);
		expect((await client.get(federations, namespace, "example"))?.status).toBeUndefined();
		expect(operator.records.filter(({ level }) => Number(level) >= 40)).toEqual([]);
	});
});
