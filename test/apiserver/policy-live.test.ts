import { expect, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { configMaps } from "../../src/kubernetes/resources.ts";
import { livePolicyListName } from "../../src/model/names.ts";
import { nodeLiveName, readLive } from "../../src/objects/node-live.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { playCluster, podsByNode } from "./played-cluster.ts";
import { PlayedGateways } from "./played-gateways.ts";
import { policies, policy, told } from "./policy-support.ts";
import { Rollouts } from "./rollout-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

const name = "example";
const names = ["gw-1", "gw-2", "inside"] as const;
const nodes = [
	{ name: "gw-1", federation: "Enabled" },
	{ name: "gw-2", federation: "Enabled" },
	{ name: "inside" },
] as const;
const lists = ["blocked-0", "blocked-1", "blocked-2", "blocked-3"];
const mebibyte = 1024 * 1024;

async function setup(strategy: "Live" | "Documented") {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const cluster = playCluster(client, namespace);
	const gateways = await PlayedGateways.start(client, namespace, names);
	startOperator(namespace);
	await client.create(federations, federation(namespace, name, { nodes, rollout: { strategy } }));
	const rollouts = new Rollouts(client, namespace, name);
	await eventually(async () => await rollouts.is("Ready", "True AllNodesReady"), "Ready", 30_000);
	return { client, namespace, cluster, gateways, rollouts };
}

const programmed = async (client: KubernetesClient, namespace: string, is: RegExp) =>
	await expect
		.poll(async () => await told(client, namespace, "blocked", "Programmed"), { timeout: 30_000, interval: 50 })
		.toMatch(is);

const digestOf = async (client: KubernetesClient, namespace: string) =>
	(await client.get(policies, namespace, "blocked"))?.status?.digest;

/** The lists that pods mount, by the name of their ConfigMap. */
async function mountedLists(client: KubernetesClient, namespace: string): Promise<Record<string, string>> {
	const { items } = await client.list(configMaps, { namespace });
	const found = items.filter(({ metadata }) => metadata.name.startsWith(`${name}-policy-`));
	return Object.fromEntries(found.map(({ metadata, data }) => [metadata.name, data?.["list"] ?? ""]));
}

/** Makes the ConfigMaps. @param count of domains in all of them */
async function block(client: KubernetesClient, namespace: string, count: number): Promise<void> {
	const each = count / lists.length;
	for (const [place, list] of lists.entries()) {
		const domains = Array.from({ length: each }, (_, index) => `d${place * each + index}.blocked.example`);
		const data = { domains: domains.join("\n") };
		await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: list, namespace }, data });
	}
}

const exceptionsFrom = lists.map((list) => ({ configMapRef: { name: list } }));

test("with the strategy Live 100,000 domains reach every node without a restart, and go again", {
	timeout: 120_000,
}, async () => {
	const { client, namespace, cluster, gateways, rollouts } = await setup("Live");
	await block(client, namespace, 100_000);
	await client.create(policies, policy(namespace, "blocked", { default: "Allow", exceptionsFrom }));
	await programmed(client, namespace, /^True Programmed: All 3 nodes enforce it\.$/);
	const before = await digestOf(client, namespace);
	expect((await client.get(policies, namespace, "blocked"))?.status).toMatchObject({ exceptions: 100_000 });
	const long = Object.values(await mountedLists(client, namespace));
	expect(long.length).toBeGreaterThan(2);
	expect(long.map((text) => text.length).filter((length) => length >= mebibyte)).toEqual([]);
	expect(long.join("").split("\n")).toHaveLength(100_001);

	// What a node refuses is told by its name, and the others do not wait.
	gateways.failures.set("gw-1", "policy-0.list is missing");
	await client.mergePatch(policies, namespace, "blocked", { spec: { exceptionsFrom: exceptionsFrom.slice(0, 1) } });
	await programmed(client, namespace, /^False NodesPending: Not yet on gw-1 \(policy-0\.list is missing\); see/);
	gateways.failures.clear();
	await programmed(client, namespace, /^True Programmed/);
	expect(await digestOf(client, namespace)).not.toBe(before);
	expect(Object.values(await mountedLists(client, namespace)).map((text) => text.split("\n").length)).toEqual([25_001]);
	await eventually(async () => (await rollouts.live()).status?.rollout === undefined, "the roll-out to be over");
	const causes = (await rollouts.live()).status?.finishedRollouts?.[0]?.causes;
	expect(causes).toMatchObject([{ rule: "R17", reason: "PolicyChanged", scope: "None", nodes: names }]);

	await client.delete(policies, namespace, "blocked");
	await eventually(
		async () => Object.keys(await mountedLists(client, namespace)).length === 0,
		"the lists to be removed",
	);
	await eventually(async () => await rollouts.is("Progressing", "False Complete"), "the nodes to be without a policy");
	expect(podsByNode(cluster)).toEqual({ "gw-1": 1, "gw-2": 1, inside: 1 });
});

test("the strategy decides whether nodes restart for a policy; the last good one stays while it is broken", {
	timeout: 120_000,
}, async () => {
	const { client, namespace, cluster, gateways, rollouts } = await setup("Documented");
	await block(client, namespace, 4);
	gateways.failures.set("gw-2", "policy-0.list is of another policy");
	await client.create(policies, policy(namespace, "blocked", { default: "Allow", exceptionsFrom }));
	await programmed(
		client,
		namespace,
		/^False NodesPending: Not yet on gw-2 \(policy-0\.list is of another policy\); see/,
	);
	expect(podsByNode(cluster)).toEqual({ "gw-1": 2, "gw-2": 2, inside: 2 });
	gateways.failures.clear();
	await programmed(client, namespace, /^True Programmed: All 3 nodes enforce it\.$/);
	const causes = (await rollouts.live()).status?.finishedRollouts?.[0]?.causes;
	expect(causes).toMatchObject([{ rule: "R17", reason: "PolicyChanged", scope: "Node", nodes: names }]);
	const [documented, ...others] = Object.values(await mountedLists(client, namespace));
	expect(others).toEqual([]);

	// The pods of the other strategy mount other lists.
	await rollouts.patch({ spec: { rollout: { strategy: "Live" } } });
	const given = async () => {
		const live = await client.get(configMaps, namespace, nodeLiveName(name, "gw-1"));
		return { policy: live && readLive(live).policy, lists: await mountedLists(client, namespace) };
	};
	const digest = await digestOf(client, namespace);
	const before = { policy: digest, lists: { [livePolicyListName(name, 0)]: documented } };
	await expect.poll(given, { timeout: 30_000 }).toEqual(before);
	expect(podsByNode(cluster)).toEqual({ "gw-1": 3, "gw-2": 3, inside: 3 });

	await client.mergePatch(configMaps, namespace, "blocked-0", { data: { domains: "192.0.2.1\n" } });
	await programmed(client, namespace, /^False NotAccepted/);
	await rollouts.patch({ spec: { rollout: { drainSeconds: 7 } } });
	await eventually(() => Promise.resolve(podsByNode(cluster)["inside"] === 4), "the last node to restart", 30_000);
	expect(await given()).toEqual(before);
	expect(await condition(client, namespace, name, "Degraded")).toMatchObject({ text: "True InvalidExceptions" });

	await client.mergePatch(configMaps, namespace, "blocked-0", { data: { domains: "other.example\n" } });
	await programmed(client, namespace, /^True Programmed/);
	expect((await given()).policy).not.toBe(digest);
	expect(Object.values((await given()).lists)).toEqual([expect.stringContaining("B other.example\n")]);
	expect(podsByNode(cluster)).toEqual({ "gw-1": 4, "gw-2": 4, inside: 4 });
});
