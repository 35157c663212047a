import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type ChatNodeAlias, chatNodeAliasResource } from "../../src/api/chat-node-alias.ts";
import { makeSelfSignedCertificate } from "../../src/controller/self-signed-certificate.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";
import { configMaps, pods, secrets } from "../../src/kubernetes/resources.ts";
import { refreshAnnotation } from "../../src/objects/annotations.ts";
import { nodeLiveName } from "../../src/objects/node-live.ts";
import { issue } from "../lib/issued-certificates.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { playCluster, podsByNode } from "./played-cluster.ts";
import { PlayedGateways } from "./played-gateways.ts";
import { Rollouts } from "./rollout-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

const aliases: Resource<ChatNodeAlias & KubernetesObject> = chatNodeAliasResource;
const name = "example";
const names = ["gw-1", "inside"] as const;
const nodes = [{ name: "gw-1", federation: "Enabled" }, { name: "inside" }] as const;
/** Long enough for whatever the operator would still do. */
const quiet = 1_500;

async function setup(strategy: "Live" | "Documented") {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await giveCertificate(client, namespace);
	const cluster = playCluster(client, namespace);
	const gateways = await PlayedGateways.start(client, namespace, names);
	const operator = startOperator(namespace);
	const security = { certificate: { secretName: "certificate" } };
	await client.create(federations, federation(namespace, name, { nodes, security, rollout: { strategy } }));
	const rollouts = new Rollouts(client, namespace, name);
	await settled(rollouts);
	return { client, namespace, cluster, gateways, operator, rollouts };
}

/** A Secret with a new certificate, in place of the one before. */
async function giveCertificate(client: KubernetesClient, namespace: string): Promise<void> {
	const { certificate, key } = await makeSelfSignedCertificate(["example.com"], new Date());
	const metadata = { name: "certificate", namespace };
	const data = { "tls.crt": certificate, "tls.key": key };
	const secret = { apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/tls", data };
	if (await client.get(secrets, namespace, metadata.name))
		await client.mergePatch(secrets, namespace, "certificate", { data });
	else await client.create(secrets, secret);
}

async function settled(rollouts: Rollouts): Promise<void> {
	await eventually(
		async () => {
			const { metadata, status } = await rollouts.live();
			const progressing = status?.conditions.find(({ type }) => type === "Progressing");
			const isOver = progressing?.reason === "Complete" && progressing.observedGeneration === metadata.generation;
			if (!isOver || status?.rollout) throw new Error(JSON.stringify(status));
			return true;
		},
		"the roll-out to be over",
		30_000,
	);
}

/** Live revision of each node that says that it is in force. */
async function inForce(rollouts: Rollouts): Promise<Readonly<Record<string, string | undefined>>> {
	const { status } = await rollouts.live();
	return Object.fromEntries((status?.nodes ?? []).map((node) => [node.name, node.liveRevision]));
}

/** Pods by uid and what was done to them. */
async function running(client: KubernetesClient, namespace: string) {
	const { items } = await client.list(pods, { namespace });
	return items.map(({ metadata: { uid, annotations } }) => ({ uid, refreshed: annotations?.[refreshAnnotation] }));
}

describe("with the strategy Live", () => {
	test("a new certificate restarts nothing: it is told before, taken over by every process, and then in status", async () => {
		const { client, namespace, cluster, operator, rollouts } = await setup("Live");
		const [before, revisions] = [await inForce(rollouts), await rollouts.revisions()];
		expect(Object.values(before).every((revision) => revision !== undefined)).toBe(true);
		const podsBefore = await running(client, namespace);
		expect(podsBefore.map(({ refreshed }) => refreshed)).toEqual([undefined, undefined]);

		await giveCertificate(client, namespace);
		await eventually(async () => {
			const now = await inForce(rollouts);
			return names.every((node) => now[node] !== undefined && now[node] !== before[node]);
		}, "every node to have the new certificate in force");
		await settled(rollouts);

		expect(await rollouts.revisions()).toEqual(revisions);
		expect(podsByNode(cluster)).toEqual({ "gw-1": 1, inside: 1 });
		const podsAfter = await running(client, namespace);
		expect(podsAfter.map(({ uid }) => uid)).toEqual(podsBefore.map(({ uid }) => uid));
		const live = await inForce(rollouts);
		for (const { refreshed } of podsAfter) expect(Object.values(live)).toContain(refreshed?.split("@")[0]);
		const [finished] = (await rollouts.live()).status?.finishedRollouts ?? [];
		expect(finished).toMatchObject({
			total: 2,
			causes: [{ reason: "CertificateChanged", scope: "None", nodes: ["gw-1", "inside"] }],
		});
		const told = await rollouts.events("CertificateChanged");
		expect(told.map(({ note = "" }) => note).toSorted()).toEqual(
			names.map(
				(node) =>
					`Node ${node} takes over while it runs: spec.security.certificate: The certificate that peers see is another one: ` +
					"another Secret is named, or its content changed (R17).",
			),
		);
		const metrics = await operator.metrics.registry.metrics();
		expect(metrics).toContain('xmppfed_node_live_changes_total{reason="CertificateChanged"} 2');
		expect(metrics).not.toContain('xmppfed_node_restarts_total{reason="CertificateChanged"}');
	});
	test("an alias stays with the node that it leaves until the other one serves it, and nothing else waits for that", async () => {
		const { client, namespace, gateways, rollouts } = await setup("Live");
		const metadata = { name: "rooms", namespace };
		const spec = { federationRef: { name }, alias: "rooms.example.com", node: "gw-1" };
		await client.create(aliases, {
			apiVersion: "xmppfed.dev/v1alpha1",
			kind: "ChatNodeAlias",
			metadata,
			spec,
		} as const);
		const programmed = async () => {
			const resource = await client.get(aliases, namespace, "rooms");
			const found = resource?.status?.conditions?.find(({ type }) => type === "Programmed");
			return found?.observedGeneration === resource?.metadata.generation ? found : undefined;
		};
		const given = async (node: string, file: string): Promise<unknown> => {
			const { data = {} } = (await client.get(configMaps, namespace, nodeLiveName(name, node))) ?? {};
			return JSON.parse(data[file] ?? "null");
		};
		const isHome = async (node: string) =>
			z.record(z.string(), z.object({ outgoing_only: z.boolean() })).parse(await given(node, "aliases.json"))[
				"rooms.example.com"
			]?.outgoing_only === false;
		await eventually(async () => (await programmed())?.status === "True", "the alias to be programmed");

		gateways.failures.set("inside", "limits.json cannot be used");
		await client.mergePatch(aliases, namespace, "rooms", { spec: { node: "inside" } });
		await client.mergePatch(federations, namespace, name, { spec: { limits: { handshakeSeconds: 17 } } });
		await eventually(
			async () => JSON.stringify(await given("gw-1", "limits.json"))?.includes("17"),
			"the node that the alias leaves to be given what else changed",
		);
		expect([await isHome("gw-1"), await isHome("inside")]).toEqual([true, true]);
		const found = await eventually(programmed, "a condition of this generation");
		expect(found).toMatchObject({ status: "False", reason: "NodesPending" });
		expect(found?.message).toContain("inside");

		gateways.failures.clear();
		await eventually(async () => (await programmed())?.status === "True", "the alias to be programmed");
		expect([await isHome("gw-1"), await isHome("inside")]).toEqual([false, true]);
		await settled(rollouts);
	});
	test("aliases come, move and go: told before, taken over by every process, and nothing restarts", async () => {
		const { client, namespace, cluster, rollouts } = await setup("Live");
		const [revisions, podsBefore] = [await rollouts.revisions(), await running(client, namespace)];
		const spec = { federationRef: { name }, alias: "rooms.example.com", node: "gw-1" };
		const metadata = { name: "rooms", namespace };
		const isProgrammed = async () => {
			const { status } = (await client.get(aliases, namespace, metadata.name)) ?? {};
			return status?.conditions?.some((found) => found.type === "Programmed" && found.status === "True");
		};
		const changes: readonly [string, () => Promise<unknown>][] = [
			[
				"ChatNodeAlias rooms",
				async () => {
					const alias = { apiVersion: "xmppfed.dev/v1alpha1", kind: "ChatNodeAlias", metadata, spec } as const;
					await client.create(aliases, alias);
				},
			],
			[
				"ChatNodeAlias rooms: spec.node",
				async () => await client.mergePatch(aliases, namespace, "rooms", { spec: { node: "inside" } }),
			],
			["ChatNodeAlias", async () => await client.delete(aliases, namespace, "rooms")],
		];
		for (const [field, change] of changes) {
			const before = await inForce(rollouts);
			await change();
			await eventually(async () => {
				const now = await inForce(rollouts);
				return names.every((node) => now[node] !== undefined && now[node] !== before[node]);
			}, `${field} to be in force at every node`);
			await settled(rollouts);
			const [finished] = (await rollouts.live()).status?.finishedRollouts ?? [];
			expect(finished?.causes).toMatchObject([{ reason: "AliasChanged", field, scope: "None", nodes: names }]);
			if (field !== "ChatNodeAlias") await eventually(isProgrammed, "Programmed");
		}
		expect(await rollouts.revisions()).toEqual(revisions);
		expect(podsByNode(cluster)).toEqual({ "gw-1": 1, inside: 1 });
		expect((await running(client, namespace)).map(({ uid }) => uid)).toEqual(podsBefore.map(({ uid }) => uid));
	});

	test("other trusted authorities restart nothing, nor does it whether the public ones are trusted", async () => {
		const { client, namespace, cluster, rollouts } = await setup("Live");
		const partners = await Promise.all(["one", "other"].map((each) => issue({ subject: `CN=${each}`, ca: true })));
		const [one = "", other = ""] = partners.map(({ certificate }) => certificate);
		const give = async (text: string) => {
			const metadata = { name: "partners", namespace };
			const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": text } };
			await client.apply(configMaps, configMap, { force: true });
		};
		/** Of what both pods are given beside the certificate. */
		const given = async () =>
			await Promise.all(
				names.map(async (node) => {
					const secret = await client.get(secrets, namespace, nodeLiveName(name, node));
					const { "tls.crt": _certificate, "tls.key": _key, ...rest } = secret?.data ?? {};
					return Object.entries(rest).map(([key, text]) => [key, Buffer.from(text, "base64").toString()]);
				}),
			);
		const revisions = await rollouts.revisions();
		const certificate = { secretName: "certificate" };
		const configMapRef = { name: "partners" };
		const changes = [
			[{ configMapRef, systemRoots: false }, one, "trusted-authorities-only.pem"],
			[{ configMapRef, systemRoots: false }, one + other, "trusted-authorities-only.pem"],
			[{ configMapRef, systemRoots: true }, one + other, "trusted-authorities.pem"],
			[null, one + other, undefined],
		] as const;
		for (const [trustedCAs, text, file] of changes) {
			const before = await inForce(rollouts);
			await give(text);
			await rollouts.patch({ spec: { security: { certificate, trustedCAs } } });
			await eventually(async () => {
				const now = await inForce(rollouts);
				return names.every((node) => now[node] !== undefined && now[node] !== before[node]);
			}, "every node to have them in force");
			await settled(rollouts);
			const wanted = file === undefined ? [] : [[file, text]];
			expect(await given()).toEqual([wanted, wanted]);
			const [finished] = (await rollouts.live()).status?.finishedRollouts ?? [];
			const causes = finished?.causes.map(({ reason, scope }) => `${reason} ${scope}`);
			expect(new Set(causes)).toEqual(new Set(["TrustedCAsChanged None"]));
		}
		expect(await rollouts.revisions()).toEqual(revisions);
		expect(podsByNode(cluster)).toEqual({ "gw-1": 1, inside: 1 });
	});

	test("what restarts nodes restarts them all the same, and in the same change", async () => {
		const { client, namespace, cluster, rollouts } = await setup("Live");
		await rollouts.annotate({ "xmppfed.dev/paused": "true" });
		await rollouts.patch({ spec: { rollout: { strategy: "Live", drainSeconds: 45 } } });
		await giveCertificate(client, namespace);
		const before = await inForce(rollouts);
		// A pause holds up restarts alone.
		await eventually(async () => {
			const { items } = await client.list(configMaps, { namespace });
			const live = items.find(({ metadata }) => metadata.name === nodeLiveName(name, "gw-1"));
			return live?.metadata.annotations?.["xmppfed.dev/live-revision"] !== before["gw-1"];
		}, "the new certificate to be given to the nodes");
		await sleep(quiet);
		expect(podsByNode(cluster)).toEqual({ "gw-1": 1, inside: 1 });
		await rollouts.annotate({ "xmppfed.dev/paused": null });
		await settled(rollouts);
		expect(podsByNode(cluster)).toEqual({ "gw-1": 2, inside: 2 });
		const reasons = (await rollouts.live()).status?.finishedRollouts?.[0]?.causes.map(
			({ reason, scope }) => `${reason} ${scope}`,
		);
		expect(reasons).toEqual(["RolloutChanged Node", "CertificateChanged None"]);
	});

	test("a process that refuses what changed is told by node and condition, until it takes it", async () => {
		const { client, namespace, gateways, cluster, rollouts } = await setup("Live");
		gateways.failures.set("gw-1", "colour.json is not JSON");
		await giveCertificate(client, namespace);
		await eventually(async () => await rollouts.is("Degraded", "True SettingsNotInForce"), "the condition");
		expect((await condition(client, namespace, name, "Degraded"))?.message).toBe(
			"node gw-1 goes on with what it had before. router: colour.json is not JSON",
		);
		expect(await rollouts.nodeState("gw-1")).toMatch(/^Blocked SettingsRefused: goes on with what it had before/);
		expect((await inForce(rollouts))["gw-1"]).toBeUndefined();
		gateways.failures.delete("gw-1");
		await eventually(async () => await rollouts.is("Degraded", "False AsExpected"), "the condition to end");
		await settled(rollouts);
		expect(podsByNode(cluster)).toEqual({ "gw-1": 1, inside: 1 });
	});

	test("live objects that somebody deletes or changes are put back", async () => {
		const { client, namespace, cluster, rollouts } = await setup("Live");
		const live = nodeLiveName(name, "gw-1");
		const [configMap, secret] = [
			await client.get(configMaps, namespace, live),
			await client.get(secrets, namespace, live),
		];
		await client.delete(configMaps, namespace, live);
		await client.mergePatch(secrets, namespace, live, { data: { "tls.crt": "eA==" } });
		await eventually(async () => {
			const [one, other] = [await client.get(configMaps, namespace, live), await client.get(secrets, namespace, live)];
			return (
				JSON.stringify(one?.data) === JSON.stringify(configMap?.data) &&
				JSON.stringify(other?.data) === JSON.stringify(secret?.data)
			);
		}, "both to be as they were");
		await settled(rollouts);
		expect(podsByNode(cluster)).toEqual({ "gw-1": 1, inside: 1 });
	});

	test("the strategy itself restarts each node once, and its objects go with it", async () => {
		const { client, namespace, cluster, rollouts } = await setup("Live");
		await rollouts.patch({ spec: { rollout: { strategy: "Documented" } } });
		await settled(rollouts);
		expect(podsByNode(cluster)).toEqual({ "gw-1": 2, inside: 2 });
		const causes = (await rollouts.live()).status?.finishedRollouts?.[0]?.causes;
		expect(causes?.map(({ field, from, to }) => `${field} ${from} ${to}`)).toEqual([
			"spec.rollout.strategy Live Documented",
		]);
		await eventually(async () => {
			const all = [
				...(await client.list(configMaps, { namespace })).items,
				...(await client.list(secrets, { namespace })).items,
			];
			return !all.some(({ metadata }) => metadata.name.endsWith("-live"));
		}, "the live objects to be removed");
		// And back
		await rollouts.patch({ spec: { rollout: { strategy: "Live" } } });
		await settled(rollouts);
		expect(podsByNode(cluster)).toEqual({ "gw-1": 3, inside: 3 });
	});
});

test("with the strategy Documented a new certificate restarts the nodes, and no pod is touched", async () => {
	const { client, namespace, cluster, rollouts } = await setup("Documented");
	await giveCertificate(client, namespace);
	await eventually(() => Promise.resolve(podsByNode(cluster)["inside"] === 2), "the last node to restart");
	await settled(rollouts);
	expect(podsByNode(cluster)).toEqual({ "gw-1": 2, inside: 2 });
	expect((await running(client, namespace)).map(({ refreshed }) => refreshed)).toEqual([undefined, undefined]);
	expect(await inForce(rollouts)).toEqual({ "gw-1": undefined, inside: undefined });
});
