import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, inject, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { configMaps, deployments, secrets } from "../../src/kubernetes/resources.ts";
import { linkAuthoritySecretName, linkCertificateSecretName } from "../../src/model/names.ts";
import { restore } from "./etcd.ts";
import {
	condition,
	type FederationObject,
	federation,
	federations,
	objectCount,
	ownedObjects,
	revisionOf,
	startOperator,
} from "./operator-support.ts";
import { playCluster } from "./played-cluster.ts";
import { PlayedGateways } from "./played-gateways.ts";
import { Rollouts } from "./rollout-support.ts";
import { eventually, freshNamespace, rawObject, testClient } from "./support.ts";

/** Long enough for whatever the operator would still do. */
const quiet = 1_500;
const day = 24 * 3_600_000;
const name = "example";
const names = { authority: linkAuthoritySecretName(name), certificate: linkCertificateSecretName(name) } as const;

async function contentOf(client: KubernetesClient, namespace: string, which: keyof typeof names) {
	const secret = await client.get(secrets, namespace, names[which]);
	if (!secret) return undefined;
	const text = (key: string) => Buffer.from(secret.data?.[key] ?? "", "base64").toString("utf8");
	const trusted = text("ca.crt").match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g) ?? [];
	return {
		certificate: text("tls.crt"),
		key: text("tls.key"),
		trusted: trusted.map((pem) => new X509Certificate(pem).fingerprint256),
		uid: secret.metadata.uid,
	};
}

/** A federation whose objects are made, and an operator with a clock that the test sets. */
async function setup() {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const clock = { days: 0 };
	const operator = startOperator(namespace, {}, { now: () => new Date(Date.now() + clock.days * day) });
	await client.create(federations, federation(namespace, name));
	await eventually(async () => (await ownedObjects(client, namespace, name)).length === objectCount, "all objects");
	await sleep(quiet);
	const read = async (which: keyof typeof names) => {
		const content = await contentOf(client, namespace, which);
		if (!content) throw new Error(`there is no Secret ${names[which]}`);
		return content;
	};
	return {
		client,
		namespace,
		operator,
		read,
		/** The operator looks at each federation now and then; here it does as often as it is asked to. */
		passTime: async (days: number) => {
			clock.days += days;
			await client.mergePatch(federations, namespace, name, { metadata: { annotations: { clock: `${clock.days}` } } });
			await sleep(quiet);
		},
		/** Revisions and resource versions of the nodes' Deployments: equal where nothing of them was touched. */
		nodes: async () => {
			const list = (await client.list(deployments, { namespace })).items;
			return list.map(({ metadata }) => [metadata.name, metadata.generation, metadata.resourceVersion]);
		},
	};
}

const fingerprint = ({ certificate }: { certificate: string }) => new X509Certificate(certificate).fingerprint256;

describe("certificates of links", () => {
	test("are made with a federation; what signs is nowhere but in its Secret, which no pod mounts", async () => {
		const { client, namespace, read } = await setup();
		const [authority, link] = [await read("authority"), await read("certificate")];
		expect(link.trusted).toEqual([fingerprint(authority)]);
		const leaf = new X509Certificate(link.certificate);
		expect(leaf.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
		expect(leaf.checkHost(`links.${name}.${namespace}.xmppfed.invalid`, { subject: "never" })).toBeDefined();

		const pods = (await client.list(deployments, { namespace })).items.map(({ spec }) => spec?.template.spec);
		for (const pod of pods) {
			const mounted = pod?.volumes?.flatMap(({ secret }) => secret?.secretName ?? []);
			expect(mounted).toContain(names.certificate);
			expect(mounted).not.toContain(names.authority);
		}
		const others = (
			await Promise.all([secrets, configMaps, deployments].map((kind) => client.list(kind, { namespace })))
		)
			.flatMap(({ items }) => items as readonly { metadata: { name: string } }[])
			.filter(({ metadata }) => metadata.name !== names.authority);
		const text = JSON.stringify(others);
		expect(text).toContain(names.certificate);
		expect(text).not.toContain(Buffer.from(authority.key).toString("base64"));
	});

	test("are renewed when two thirds of their time are over, by one write, and nothing restarts", async () => {
		const { operator, read, passTime, nodes } = await setup();
		const [authority, before, running] = [await read("authority"), await read("certificate"), await nodes()];
		const mark = operator.writes().length;
		await passTime(58);
		expect(await read("certificate")).toEqual(before);
		expect(operator.writes().slice(mark)).toEqual([]);
		await passTime(3);
		const after = await read("certificate");
		expect(fingerprint(after)).not.toBe(fingerprint(before));
		expect(after.trusted).toEqual(before.trusted);
		expect(after.uid).toBe(before.uid);
		expect(await read("authority")).toEqual(authority);
		expect(
			operator
				.writes()
				.slice(mark)
				.map(({ verb, resource }) => `${verb} ${resource}`),
		).toEqual(["apply secrets"]);
		expect(await nodes()).toEqual(running);
	});

	test("outlive their authority: a lost one is made anew, trusted, and then signs; nothing restarts", async () => {
		const { client, namespace, operator, read, passTime, nodes } = await setup();
		const [lost, before, running] = [await read("authority"), await read("certificate"), await nodes()];
		await client.delete(secrets, namespace, names.authority);
		await eventually(async () => (await read("certificate")).trusted.length === 2, "trust in two authorities");
		const authority = await read("authority");
		expect(fingerprint(authority)).not.toBe(fingerprint(lost));
		expect(await read("certificate")).toMatchObject({
			certificate: before.certificate,
			trusted: [fingerprint(authority), fingerprint(lost)],
		});

		await passTime(0.9);
		expect((await read("certificate")).certificate).toBe(before.certificate);
		await passTime(0.2);
		const after = await read("certificate");
		expect(new X509Certificate(after.certificate).verify(new X509Certificate(authority.certificate).publicKey)).toBe(
			true,
		);
		expect(after.trusted).toEqual([fingerprint(authority), fingerprint(lost)]);
		await passTime(1.1);
		expect(await read("certificate")).toEqual({ ...after, trusted: [fingerprint(authority)] });
		await passTime(1.1);
		expect(await nodes()).toEqual(running);
		// The first one is no news; that it was lost is.
		const told = operator.records.filter(({ msg }) => msg === "making a new authority for the links");
		expect(told.map(({ level, reason }) => [level, reason])).toEqual([
			[30, "there is none"],
			[40, "there is none"],
		]);
	});

	test("are renewed while the resource cannot be read, as one that another version of the CRD let through", async () => {
		const { client, namespace, read, passTime, nodes } = await setup();
		const [before, running] = [await read("certificate"), await nodes()];
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the API server gives
		const object = JSON.parse(await rawObject(federations, namespace, name)) as FederationObject;
		const upstream = { host: "xmpp.chat.svc", port: 99_999 };
		const invalid: FederationObject = { ...object, spec: { ...object.spec, upstream } };
		await restore(inject("etcd"), "xmppfederations", invalid);
		await passTime(61);
		expect((await condition(client, namespace, name, "Accepted"))?.text).toBe("False InvalidSpec");
		const after = await read("certificate");
		expect(fingerprint(after)).not.toBe(fingerprint(before));
		expect(after.uid).toBe(before.uid);
		expect(await nodes()).toEqual(running);
	});

	test("that somebody deletes or spoils are made again by the same authority, and the log says so", async () => {
		const { client, namespace, operator, read, nodes } = await setup();
		const [authority, before, running] = [await read("authority"), await read("certificate"), await nodes()];
		await client.delete(secrets, namespace, names.certificate);
		const again = await eventually(
			async () => await contentOf(client, namespace, "certificate"),
			"a certificate again",
		);
		expect(again.uid).not.toBe(before.uid);
		expect(again.trusted).toEqual([fingerprint(authority)]);

		await client.mergePatch(secrets, namespace, names.certificate, { data: { "tls.crt": "aGVsbG8=" } });
		await eventually(async () => (await read("certificate")).certificate.includes("BEGIN CERT"), "it is mended");
		const { certificate, trusted, uid } = await read("certificate");
		expect(new X509Certificate(certificate).verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
		expect({ trusted, uid }).toEqual({ trusted: again.trusted, uid: again.uid });
		expect(operator.records).toContainEqual(
			expect.objectContaining({
				level: 40,
				reason: "tls.crt holds no certificate",
				msg: "making a new link certificate",
			}),
		);
		expect(await read("authority")).toEqual(authority);
		expect(await nodes()).toEqual(running);
	});

	test("that a process cannot use are told by a condition, an Event and the log, until it can", async () => {
		const { client, namespace, operator, nodes } = await setup();
		const gateways = await PlayedGateways.start(client, namespace, ["gw-1", "gw-2"]);
		gateways.linkFailures.set("gw-2/federation", "The link certificate cannot be used: key values mismatch");
		playCluster(client, namespace);
		const rollouts = new Rollouts(client, namespace, name);
		const reason = "LinkCertificateUnusable";
		await eventually(async () => await rollouts.is("Degraded", `True ${reason}`), "the condition");
		const { message } = (await condition(client, namespace, name, "Degraded")) ?? {};
		expect(message).toMatch(
			new RegExp(
				`^Secret ${names.certificate} has what cannot be used for links: ` +
					"node gw-2, federation: The link certificate cannot be used: key values mismatch\\. .* Delete the Secret: ",
			),
		);
		await eventually(async () => (await rollouts.events(reason)).length > 0, "the Event");
		expect(operator.records.filter((record) => record["reason"] === reason).map(({ msg }) => msg)).toEqual([message]);
		const before = await nodes();

		gateways.linkFailures.clear();
		await operator.stop();
		startOperator(namespace);
		await eventually(async () => await rollouts.is("Degraded", "False AsExpected"), "the condition to end");
		await eventually(async () => (await rollouts.events(`${reason}Resolved`)).length > 0, "the Event of its end");
		expect(await rollouts.events(reason)).toHaveLength(1);
		expect(await nodes()).toEqual(before);
	});

	test("that the operator's cache misses, for want of their labels, are not replaced", async () => {
		const { client, namespace, read } = await setup();
		const before = [await read("authority"), await read("certificate")];
		for (const secret of Object.values(names)) {
			await client.mergePatch(secrets, namespace, secret, {
				metadata: { labels: { "app.kubernetes.io/managed-by": "me" } },
			});
		}
		const managers = async () =>
			(await Promise.all(Object.values(names).map((secret) => client.get(secrets, namespace, secret)))).map(
				(secret) => secret?.metadata.labels?.["app.kubernetes.io/managed-by"],
			);
		await eventually(async () => !(await managers()).includes("me"), "the labels are ours again");
		expect([await read("authority"), await read("certificate")]).toEqual(before);
	});

	test("wait for a name that somebody else has, which is told, and no node is made without", async () => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		const foreign = { apiVersion: "v1", kind: "Secret", metadata: { name: names.certificate, namespace } };
		await client.create(secrets, foreign);
		startOperator(namespace);
		await client.create(federations, federation(namespace, name));
		await eventually(
			async () => (await condition(client, namespace, name, "Degraded"))?.text === "True ObjectConflict",
			"Degraded",
		);
		expect((await condition(client, namespace, name, "Degraded"))?.message).toContain(names.certificate);
		expect(await revisionOf(client, namespace, "gw-1")).toBeUndefined();
		expect((await client.get(secrets, namespace, names.certificate))?.data).toBeUndefined();
	});
});
