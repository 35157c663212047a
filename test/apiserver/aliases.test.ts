import { describe, expect, test } from "vitest";
import { chatNodeAliasResource } from "../../src/api/chat-node-alias.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";
import { configMaps, deployments, events, services } from "../../src/kubernetes/resources.ts";
import { aliasServiceName } from "../../src/model/names.ts";
import { nodeLabel } from "../../src/objects/labels.ts";
import { recordedIntent, revisionedName } from "../../src/objects/node-configuration.ts";
import { federation, federations, startOperator } from "./operator-support.ts";
import { playCluster } from "./played-cluster.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

interface AliasObject extends KubernetesObject {
	readonly spec: Record<string, unknown>;
	readonly status?: {
		readonly conditions: readonly { type: string; status: string; reason: string; message: string }[];
		readonly dnsRecords?: readonly { name: string; value: string }[];
		readonly zones?: readonly string[];
	};
}

const aliases: Resource<AliasObject> = chatNodeAliasResource;
const hostname = "edge.example.com";
const nodes = [{ name: "gw-1", federation: "Enabled" }, { name: "gw-2", federation: "Enabled" }, { name: "inside" }];

async function setup(spec: Record<string, unknown> = {}) {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const cluster = playCluster(client, namespace);
	const operator = startOperator(namespace);
	await client.create(federations, federation(namespace, "example", { nodes, service: { hostname }, ...spec }));
	return { client, namespace, cluster, operator };
}

const alias = (namespace: string, name: string, spec: Record<string, unknown> = {}): AliasObject => ({
	apiVersion: "xmppfed.dev/v1alpha1",
	kind: "ChatNodeAlias",
	metadata: { name, namespace },
	spec: { federationRef: { name: "example" }, alias: `${name}.example.com`, node: "gw-1", ...spec },
});

/** Waits for a condition that begins so, as `STATUS REASON: MESSAGE`. */
async function told(client: KubernetesClient, namespace: string, name: string, type: string, start: string) {
	return await eventually(async () => {
		const { status } = (await client.get(aliases, namespace, name)) ?? {};
		const found = status?.conditions.find((entry) => entry.type === type);
		const text = found && `${found.status} ${found.reason}: ${found.message}`;
		return text?.startsWith(start) && text;
	}, `${type} of ${name} to be ${start}`);
}

/** Whether each node is the chat node, by alias and node, as what is recorded of its revision has it. */
async function given(client: KubernetesClient, namespace: string): Promise<Record<string, unknown>> {
	const { items } = await client.list(deployments, { namespace, labelSelector: nodeLabel });
	const found = items.map(async ({ metadata }): Promise<[string, unknown]> => {
		const record = revisionedName(metadata.name, metadata.annotations?.["xmppfed.dev/revision"] ?? "");
		const intent = recordedIntent(await client.get(configMaps, namespace, record));
		const served = typeof intent === "object" && intent && "aliases" in intent ? intent.aliases : {};
		const here = Object.entries(served ?? {}).map(([domain, value]) => [domain, Reflect.get(Object(value), "here")]);
		return [metadata.labels?.[nodeLabel] ?? "", Object.fromEntries(here)];
	});
	return Object.fromEntries(await Promise.all(found));
}

async function allGiven(client: KubernetesClient, namespace: string, expected: Record<string, unknown>): Promise<void> {
	const look = async () => await given(client, namespace);
	await expect.poll(look, { timeout: 20_000 }).toEqual(expected);
}

describe("an alias", () => {
	test("reaches every node, says what to publish, and is moved by restarting two nodes", async () => {
		const { client, namespace, cluster } = await setup();
		await allGiven(client, namespace, { "gw-1": {}, "gw-2": {}, inside: {} });
		const domain = "conference-2.standalonecluster.example.com";
		await client.create(
			aliases,
			alias(namespace, "rooms", { alias: "conference-2.StandAloneCluster.example.com", node: "inside" }),
		);
		await told(client, namespace, "rooms", "Accepted", "True Accepted");
		const at = (node: string, name: string) => ({ [domain]: node === name });
		const all = (node: string) => ({ "gw-1": at(node, "gw-1"), "gw-2": at(node, "gw-2"), inside: at(node, "inside") });
		await allGiven(client, namespace, all("inside"));
		await told(client, namespace, "rooms", "Programmed", "True Programmed");
		expect((await client.get(aliases, namespace, "rooms"))?.status).toMatchObject({
			zones: ["standalonecluster.example.com"],
			dnsRecords: expect.arrayContaining([
				expect.objectContaining({ name: `_xmpp-server._tcp.${domain}.`, value: `0 0 5269 ${hostname}.` }),
			]),
		});
		const finished = async () => (await client.get(federations, namespace, "example"))?.status?.finishedRollouts?.[0];
		await eventually(async () => (await finished())?.causes.some(({ reason }) => reason === "AliasChanged"), "the end");

		const before = cluster.made.length;
		await client.mergePatch(aliases, namespace, "rooms", { spec: { node: "gw-2" } });
		await allGiven(client, namespace, all("gw-2"));
		const causes = await eventually(async () => {
			const last = await finished();
			return last?.causes.every(({ nodes: about }) => !about.includes("gw-1")) && last.causes;
		}, "the move to be over");
		expect(causes.map(({ reason, field, nodes: about }) => [reason, field, about])).toEqual([
			["AliasChanged", "ChatNodeAlias rooms: spec.node", ["gw-2", "inside"]],
		]);
		expect(cluster.made.slice(before)).toHaveLength(2);

		await client.delete(aliases, namespace, "rooms");
		await allGiven(client, namespace, { "gw-1": {}, "gw-2": {}, inside: {} });
	});

	test("that is Direct gets a Service to its node alone, which goes with it and restarts nothing", async () => {
		const { client, namespace, cluster } = await setup();
		await client.create(aliases, alias(namespace, "rooms", { node: "gw-2" }));
		await told(client, namespace, "rooms", "Programmed", "True Programmed");
		const made = cluster.made.length;
		const direct = { exposure: "Direct", hostname: "c2.example.com", publicPort: 25269, service: { type: "NodePort" } };
		await client.mergePatch(aliases, namespace, "rooms", { spec: direct });
		const name = aliasServiceName("example", "rooms");
		const service = await eventually(async () => await client.get(services, namespace, name), "its Service");
		expect(service.spec).toMatchObject({
			type: "NodePort",
			ports: [expect.objectContaining({ port: 25269 })],
			selector: {
				"xmppfed.dev/federation": "example",
				"xmppfed.dev/node": "gw-2",
				"xmppfed.dev/node-federation": "Enabled",
			},
		});
		expect(service.spec?.selector).not.toHaveProperty("xmppfed.dev/published");
		await eventually(async () => {
			const { dnsRecords = [] } = (await client.get(aliases, namespace, "rooms"))?.status ?? {};
			return dnsRecords.some(({ value }) => value === "0 0 25269 c2.example.com.");
		}, "its record");
		await client.mergePatch(aliases, namespace, "rooms", { spec: { ...nulls(direct), exposure: "Shared" } });
		await eventually(async () => (await client.get(services, namespace, name)) === undefined, "its Service to go");
		expect(cluster.made).toHaveLength(made);
	});

	test("says what does not work in rooms: of a peer's platform, and of email addresses", async () => {
		const { client, namespace } = await setup({
			peers: [{ domain: "webex.example", platform: "WebexConnect" }],
			emailAddresses: { mappingRefs: [{ configMapRef: { name: "people" } }] },
		});
		await client.create(aliases, alias(namespace, "rooms"));
		expect(await told(client, namespace, "rooms", "Accepted", "True AcceptedWithWarnings")).toMatch(
			/ But spec\.peers\[webex\.example\]\.platform: WebexConnect: .* cannot invite users .*; spec\.emailAddresses: .* show peers the users' own names/,
		);
	});

	test("that cannot be served says why, and is taken up when that is mended", async () => {
		const { client, namespace, operator } = await setup();
		const counted = async () => await operator.metrics.registry.metrics();
		const series = (of: string, type: string, verdict: string) =>
			`xmppfed_attached_resources{namespace="${namespace}",federation="${of}",kind="ChatNodeAlias",condition="${type}",${verdict}}`;
		await client.create(
			aliases,
			alias(namespace, "rooms", {
				node: "inside",
				exposure: "Direct",
				hostname: "c.example.com",
				service: { type: "NodePort" },
			}),
		);
		expect(await told(client, namespace, "rooms", "Accepted", "False NodeDisabled")).toContain("enable it there");
		await expect.poll(counted).toContain(`${series("example", "Accepted", 'status="False",reason="NodeDisabled"')} 1`);
		const enabled = nodes.map((node) => ({ ...node, federation: "Enabled" }));
		await client.mergePatch(federations, namespace, "example", { spec: { nodes: enabled } });
		await told(client, namespace, "rooms", "Programmed", "True Programmed");
		await expect.poll(counted).toContain(`${series("example", "Programmed", 'status="True",reason="Programmed"')} 1`);
		await client.mergePatch(federations, namespace, "example", { spec: { nodes: enabled.slice(0, 2) } });
		expect(await told(client, namespace, "rooms", "Accepted", "False NodeNotFound")).toContain("It has gw-1, gw-2");
		expect(await told(client, namespace, "rooms", "Programmed", "False NotAccepted")).toContain("see the condition");
		await allGiven(client, namespace, { "gw-1": {}, "gw-2": {} });
		const { items } = await client.list(events, { namespace });
		const ofAlias = items.filter(({ regarding }) => regarding?.kind === "ChatNodeAlias").map(({ reason }) => reason);
		expect(ofAlias).toEqual(expect.arrayContaining(["NodeDisabled", "NodeDisabledResolved", "NodeNotFound"]));

		await client.create(aliases, alias(namespace, "lost", { federationRef: { name: "nobody" } }));
		const notFound = series("nobody", "Accepted", 'status="False",reason="FederationNotFound"');
		await expect.poll(counted, { timeout: 20_000 }).toContain(`${notFound} 1`);
		for (const name of ["lost", "rooms"]) await client.delete(aliases, namespace, name);
		await expect.poll(counted, { timeout: 20_000 }).not.toContain("xmppfed_attached_resources{");
	});

	test("that another has goes to the oldest, of whatever federation, and to the next when that goes", async () => {
		const { client, namespace } = await setup();
		await client.create(federations, federation(namespace, "other", { domain: "other.example", nodes }));
		const name = "rooms.shared.example";
		await client.create(aliases, alias(namespace, "b", { alias: name }));
		await told(client, namespace, "b", "Accepted", "True Accepted");
		// Times have whole seconds, and of one time the first by name has it.
		await new Promise((resolve) => setTimeout(resolve, 1_100));
		await client.create(
			aliases,
			alias(namespace, "a", { alias: "Rooms.Shared.example", federationRef: { name: "other" } }),
		);
		expect(await told(client, namespace, "a", "Accepted", "False Conflicted")).toContain(
			`ChatNodeAlias ${namespace}/b, which is older:`,
		);
		await client.delete(aliases, namespace, "b");
		await told(client, namespace, "a", "Accepted", "True Accepted");
		// A domain of a federation is nobody's alias, and so until it is given up.
		await client.mergePatch(federations, namespace, "example", { spec: { additionalDomains: [name] } });
		expect(await told(client, namespace, "a", "Accepted", "False Conflicted")).toContain(
			`a domain of XmppFederation ${namespace}/example`,
		);
		await client.mergePatch(federations, namespace, "example", { spec: { additionalDomains: [] } });
		await told(client, namespace, "a", "Accepted", "True Accepted");
		await client.delete(federations, namespace, "other");
		expect(await told(client, namespace, "a", "Accepted", "False FederationNotFound")).toContain(
			"XmppFederation other",
		);
	});
});

function nulls(fields: object): Record<string, null> {
	return Object.fromEntries(Object.keys(fields).map((name) => [name, null]));
}
