import { describe, expect, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { configMaps, deployments, events } from "../../src/kubernetes/resources.ts";
import { nodeLabel } from "../../src/objects/labels.ts";
import { recordedIntent, revisionedName } from "../../src/objects/node-configuration.ts";
import { manyExceptions } from "../resources/federation-policies.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { playCluster } from "./played-cluster.ts";
import { policies, policy, told } from "./policy-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

async function setup(spec: Record<string, unknown> = {}) {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const cluster = playCluster(client, namespace);
	const operator = startOperator(namespace);
	await client.create(federations, federation(namespace, "example", spec));
	return { client, namespace, cluster, operator };
}

/** What each node was given to enforce, by what is recorded of its revision. */
async function given(client: KubernetesClient, namespace: string): Promise<Record<string, unknown>> {
	const { items } = await client.list(deployments, { namespace, labelSelector: nodeLabel });
	const found = items.map(async ({ metadata }): Promise<[string, unknown]> => {
		const record = revisionedName(metadata.name, metadata.annotations?.["xmppfed.dev/revision"] ?? "");
		const intent = recordedIntent(await client.get(configMaps, namespace, record));
		const name = metadata.labels?.[nodeLabel] ?? "";
		return [name, typeof intent === "object" && intent && "policy" in intent ? intent.policy : undefined];
	});
	return Object.fromEntries(await Promise.all(found));
}

async function accepted(client: KubernetesClient, namespace: string, name: string, start: string): Promise<string> {
	return await eventually(async () => {
		const found = await told(client, namespace, name, "Accepted");
		return found.startsWith(start) && found;
	}, `Accepted of ${name} to be ${start}`);
}

async function bothGiven(client: KubernetesClient, namespace: string, expected: unknown): Promise<void> {
	const look = async () => await given(client, namespace);
	await expect.poll(look, { timeout: 20_000 }).toEqual({ "gw-1": expected, "gw-2": expected });
}

const denyAll = { default: "Deny", enforcement: "Enforce", exceptions: 0, lists: [] };

describe("a policy", () => {
	test("of 2,000 exceptions reaches every node, one after the other, and says so", async () => {
		const { client, namespace, cluster } = await setup();
		await eventually(
			async () => (await condition(client, namespace, "example", "Ready"))?.text === "True AllNodesReady",
			"Ready",
		);
		await client.create(policies, policy(namespace, "partners", { exceptions: manyExceptions(60) }));
		await accepted(client, namespace, "partners", "True Accepted");
		const expected = expect.objectContaining({ default: "Deny", exceptions: 2_000, lists: [expect.any(String)] });
		await bothGiven(client, namespace, expected);
		expect(cluster.made.map((pod) => pod.split(" ")[0])).toHaveLength(4);
		const { status } = (await client.get(policies, namespace, "partners")) ?? {};
		expect(status).toMatchObject({ exceptions: 2_000, nodes: 2 });
		// There are no gateways that the operator could ask.
		await expect
			.poll(async () => await told(client, namespace, "partners", "Programmed"), { timeout: 20_000 })
			.toMatch(/^Unknown NotReported: The federation connection manager of gw-1, gw-2 has not told/);
		const list = (await client.list(configMaps, { namespace })).items.filter(({ metadata }) =>
			metadata.name.startsWith("example-policy-"),
		);
		expect(list.map(({ data }) => data?.["list"]?.split("\n").length)).toEqual([2_001]);
		const cause = await eventually(async () => {
			const { finishedRollouts } = (await client.get(federations, namespace, "example"))?.status ?? {};
			return finishedRollouts?.[0]?.causes[0];
		}, "the roll-out to be over");
		expect(cause).toMatchObject({ rule: "R17", reason: "PolicyChanged", nodes: ["gw-1", "gw-2"] });

		// Deleted: what holds without one, and nothing of it stays.
		await client.delete(policies, namespace, "partners");
		await bothGiven(client, namespace, undefined);
		await eventually(async () => {
			const { items } = await client.list(configMaps, { namespace });
			return items.every(({ metadata }) => !metadata.name.startsWith("example-policy-"));
		}, "its lists to go");
	});

	test("is in force where it is the oldest; the others say which one is, and take its place", async () => {
		const { client, namespace } = await setup({ defaultPolicy: "Deny" });
		await bothGiven(client, namespace, denyAll);
		await client.create(policies, policy(namespace, "b", { default: "Allow" }));
		await accepted(client, namespace, "b", "True Accepted");
		// Times have whole seconds, and of one time the first by name is in force.
		await new Promise((resolve) => setTimeout(resolve, 1_100));
		await client.create(policies, policy(namespace, "a", { enforcement: "Audit" }));
		expect(await accepted(client, namespace, "a", "False Conflicted")).toContain(
			"FederationPolicy b is in force for XmppFederation example: it is older.",
		);
		expect(await told(client, namespace, "a", "Programmed")).toContain("False NotAccepted");
		expect(await told(client, namespace, "b", "Accepted")).toContain("True Accepted");
		await client.delete(policies, namespace, "b");
		await accepted(client, namespace, "a", "True Accepted");
		await bothGiven(client, namespace, { ...denyAll, enforcement: "Audit" });
		const columns = (await client.get(federations, namespace, "example"))?.status;
		expect(columns).toMatchObject({ policy: "a (Deny, Audit)" });
	});

	test("of a federation that there is not says so, until there is", async () => {
		const { client, namespace } = await setup();
		const lost = policy(namespace, "lost", { federationRef: { name: "later" } });
		await client.create(policies, lost);
		expect(await accepted(client, namespace, "lost", "False FederationNotFound")).toContain("XmppFederation later");
		await client.create(federations, federation(namespace, "later", { domain: "later.example" }));
		await accepted(client, namespace, "lost", "True Accepted");
		await client.delete(federations, namespace, "later");
		await accepted(client, namespace, "lost", "False FederationNotFound");
		const { items } = await client.list(events, { namespace });
		const ofPolicy = items.filter(({ regarding }) => regarding?.kind === "FederationPolicy");
		expect(ofPolicy.map(({ type, reason }) => `${type} ${reason}`)).toEqual(
			expect.arrayContaining(["Warning FederationNotFound", "Normal FederationNotFoundResolved"]),
		);
	});

	test("that is broken leaves what was in force, and is taken up when it is mended", async () => {
		const { client, namespace } = await setup();
		const lists = { exceptionsFrom: [{ configMapRef: { name: "partners" } }] };
		const configMap = (text: string) => ({
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { name: "partners", namespace },
			data: { list: text },
		});
		await client.create(configMaps, configMap("partner.example\n"));
		await client.create(policies, policy(namespace, "partners", lists));
		await accepted(client, namespace, "partners", "True Accepted");
		const good = expect.objectContaining({ exceptions: 1 });
		await bothGiven(client, namespace, good);
		const before = await given(client, namespace);

		await client.mergePatch(configMaps, namespace, "partners", { data: { list: "partner.example\n192.0.2.1\n" } });
		const message = await accepted(client, namespace, "partners", "False InvalidExceptions");
		expect(message).toContain('list line 2 "192.0.2.1"');
		expect(message).toContain("What was in force before stays");
		expect(await condition(client, namespace, "example", "Degraded")).toMatchObject({ text: "True InvalidExceptions" });
		await client.delete(configMaps, namespace, "partners");
		await accepted(client, namespace, "partners", "False ConfigMapNotFound");
		// Another change of the federation, which all nodes get: the last good policy goes along.
		await client.mergePatch(federations, namespace, "example", { spec: { rollout: { drainSeconds: 7 } } });
		await eventually(async () => {
			const { finishedRollouts } = (await client.get(federations, namespace, "example"))?.status ?? {};
			return finishedRollouts?.[0]?.causes.some(({ reason }) => reason === "RolloutChanged");
		}, "the roll-out");
		expect(await given(client, namespace)).toEqual(before);

		await client.create(configMaps, configMap("*.partner.example\nother.example\n"));
		await accepted(client, namespace, "partners", "True Accepted");
		await bothGiven(client, namespace, expect.objectContaining({ exceptions: 2 }));

		const exceptions = [{ domain: "B\u00fccher.example" }, { domain: "xn--bcher-kva.Example" }];
		await client.mergePatch(policies, namespace, "partners", { spec: { exceptions } });
		expect(await accepted(client, namespace, "partners", "False InvalidExceptions")).toContain(
			'spec.exceptions[1].domain: "xn--bcher-kva.Example" is the same domain as "B\u00fccher.example" in spec.exceptions[0]',
		);
	});

	test("that is broken when its federation is new denies everything", async () => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		playCluster(client, namespace);
		const lists = { default: "Allow", exceptionsFrom: [{ configMapRef: { name: "missing" } }] };
		await client.create(policies, policy(namespace, "partners", lists));
		await client.create(federations, federation(namespace, "example"));
		startOperator(namespace);
		expect(await accepted(client, namespace, "partners", "False ConfigMapNotFound")).toContain("Everything is denied");
		await bothGiven(client, namespace, denyAll);
		// Also after the operator, and the nodes, have been there for a while.
		expect(await told(client, namespace, "partners", "Programmed")).toContain("False NotAccepted");
	});
});
