import { readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, inject, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { chatNodeAliasResource } from "../../src/api/chat-node-alias.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";
import { configMaps, deployments, namespaces, pods, secrets, services } from "../../src/kubernetes/resources.ts";
import { nodeLabel } from "../../src/objects/labels.ts";
import { authority, base64, certificate, key } from "../unit/fixtures/federation.ts";
import { restore } from "./etcd.ts";
import { type FederationObject, federations, ownedKinds, startOperator } from "./operator-support.ts";
import { playCluster } from "./played-cluster.ts";
import { PlayedGateways } from "./played-gateways.ts";
import { eventually, rawObject, testClient } from "./support.ts";

/**
 * An upgrade of the operator restarts no gateway. What earlier operators made is kept in golden/operator-*.json, taken
 * from a real API server; today's operator finds it there. All secrets in it are of the recording and protect nothing.
 *
 * `XMPPFED_RECORD=NAME npm test -- apiserver -- test/apiserver/upgrade.test.ts` records what today's operator makes as
 * golden/operator-NAME.json.
 */
const directory = join(import.meta.dirname, "golden");
const recordings = readdirSync(directory).filter((file) => /^operator-.*\.json$/.test(file));
/** live: the smallest with the strategy Live and aliases. Recordings of before there was that lack it. */
const samples = ["smallest", "full", "live"] as const;

interface Recording {
	/** RFC 3339. */
	readonly recordedAt: string;
	readonly namespace: string;
	/** Objects by plural, as the API server gives them. */
	readonly objects: Readonly<Record<string, readonly KubernetesObject[]>>;
}

const kinds: readonly Resource[] = [federations, chatNodeAliasResource, ...ownedKinds, pods];

const recorded = recordings.flatMap((file) => {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- recorded below
	const all = JSON.parse(readFileSync(join(directory, file), "utf8")) as Record<string, Recording>;
	return Object.entries(all).map(([sample, recording]) => ({ file, sample, recording }));
});

test.each(recorded)(
	"today's operator restarts no gateway of the $sample sample that $file has made, and removes nothing that it uses",
	async ({ recording: { namespace, objects, recordedAt } }) => {
		const client = testClient();
		await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
		for (const [plural, list] of Object.entries(objects)) {
			for (const object of list) await restore(inject("etcd"), plural, object);
		}
		const before = await whatRuns(client, namespace);
		expect(before.nodes.length).toBeGreaterThan(0);
		expect(before.pods).toHaveLength(before.nodes.length);

		// Certificates that have grown old since the recording would be renewed.
		const now = () => new Date(recordedAt);
		const images = { gatewayImage: "registry.example/gateway:newer" };
		const operator = startOperator(namespace, images, { now });
		const cluster = playCluster(client, namespace);
		// Wanted of a Service, and seen there: the operator has carried out all of the federation.
		const [{ metadata }] = z
			.tuple([z.looseObject({ metadata: z.object({ name: z.string() }) })])
			.parse(objects["xmppfederations"]);
		await client.mergePatch(federations, namespace, metadata.name, {
			spec: { service: { labels: { upgraded: "yes" } } },
		});
		await eventually(
			async () =>
				(await client.list(services, { namespace })).items.some(
					({ metadata: { labels } }) => labels?.["upgraded"] === "yes",
				),
			"a look of today's operator",
		);
		await sleep(1_500);
		expect(await whatRuns(client, namespace)).toEqual(before);
		expect(cluster.made).toEqual([]);
		expect(operator.records.filter(({ msg }) => msg === "taking a step")).toEqual([]);
	},
);

/** What a gateway pod runs: its Deployment's template, itself, and the files that both name, by uid and content. */
async function whatRuns(client: KubernetesClient, namespace: string) {
	const labelSelector = nodeLabel;
	const nodes = (await client.list(deployments, { namespace, labelSelector })).items;
	const running = (await client.list(pods, { namespace, labelSelector })).items;
	const specs = [...nodes.map(({ spec }) => spec?.template.spec), ...running.map(({ spec }) => spec)];
	const volumes = specs.flatMap((spec) => spec?.volumes ?? []);
	const files = async (
		kind: Resource<KubernetesObject & { readonly data?: object }>,
		names: readonly (string | undefined)[],
	) =>
		await Promise.all(
			[...new Set(names)]
				.flatMap((name) => (name === undefined ? [] : [name]))
				.toSorted()
				.map(async (name) => {
					const object = await client.get(kind, namespace, name);
					return { name, uid: object?.metadata.uid, data: object?.data };
				}),
		);
	return {
		// Not the generation: an annotation of a Deployment makes a new one, and restarts nothing.
		nodes: nodes.map(({ metadata: { name, uid, annotations }, spec }) => {
			return { name, uid, revision: annotations?.["xmppfed.dev/revision"], template: spec?.template };
		}),
		pods: running.map(({ metadata: { name, uid } }) => ({ name, uid })),
		configMaps: await files(
			configMaps,
			volumes.map(({ configMap }) => configMap?.name),
		),
		secrets: await files(
			secrets,
			volumes.map(({ secret }) => secret?.secretName),
		),
	};
}

const recordingName = process.env["XMPPFED_RECORD"];

test.each(recordingName === undefined ? [] : [recordingName])(
	"what today's operator makes is recorded as %s",
	async (name) => {
		const recording: Record<string, Recording> = {};
		for (const sample of samples) recording[sample] = await record(sample, `recorded-${name}-${sample}`);
		await writeFile(join(directory, `operator-${name}.json`), text(recording));
		expect(Object.keys(recording)).toEqual(samples);
	},
);

/** JSON with one object on each line. */
function text(recording: Readonly<Record<string, Recording>>): string {
	const whole = Object.entries(recording).map(([sample, { objects, ...head }]) => {
		const lists = Object.entries(objects).map(
			([plural, list]) => `"${plural}":[\n${list.map((object) => JSON.stringify(object)).join(",\n")}\n]`,
		);
		return `"${sample}":{${JSON.stringify(head).slice(1, -1)},"objects":{\n${lists.join(",\n")}\n}}`;
	});
	return `{\n${whole.join(",\n")}\n}\n`;
}

async function record(sample: (typeof samples)[number], namespace: string): Promise<Recording> {
	const client = testClient();
	await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
	const yaml = await readFile(
		join(import.meta.dirname, `../../deploy/samples/${sample === "live" ? "smallest" : sample}.yaml`),
		"utf8",
	);
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a sample of this repository
	const resource = parse(yaml) as FederationObject;
	if (sample === "live") resource.spec["rollout"] = { strategy: "Live" };
	// A directory is needed for it.
	delete resource.spec["emailAddresses"];
	const given = { apiVersion: "v1", kind: "Secret" };
	const tls = { name: "example-com-tls", namespace };
	await client.create(secrets, {
		...given,
		metadata: tls,
		type: "kubernetes.io/tls",
		data: { "tls.crt": certificate, "tls.key": key },
	});
	const authorities = { name: "partner-authorities", namespace };
	await client.create(configMaps, {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: authorities,
		data: { "ca.crt": authority },
	});
	const dialback = { name: "example-com-dialback", namespace };
	await client.create(secrets, { ...given, metadata: dialback, data: { secret: base64("x".repeat(32)) } });
	const operator = startOperator(namespace);
	playCluster(client, namespace);
	// Which say that they have taken over what they were given.
	if (sample === "live") await PlayedGateways.start(client, namespace, ["gw-1"]);
	const { name } = resource.metadata;
	await client.create(federations, { ...resource, metadata: { name, namespace } });
	if (sample === "live") {
		for (const alias of ["rooms.example.com", "rooms.elsewhere.example"]) {
			await client.create(chatNodeAliasResource, {
				apiVersion: "xmppfed.dev/v1alpha1",
				kind: "ChatNodeAlias",
				metadata: { name: alias, namespace },
				spec: { federationRef: { name }, alias, node: "gw-1" },
			});
		}
	}
	await eventually(async () => {
		const { status } = (await client.get(federations, namespace, name)) ?? {};
		const progressing = status?.conditions.find(({ type }) => type === "Progressing");
		return progressing?.reason === "Complete" && status?.nodes.every(({ ready }) => ready);
	}, "all nodes to be ready");
	await operator.stop();
	const objects: Record<string, KubernetesObject[]> = {};
	for (const kind of kinds) {
		const { items } = await client.list(kind, { namespace });
		objects[kind.plural] = await Promise.all(
			items.map(async ({ metadata }) => {
				// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the API server's word for it
				const object = JSON.parse(await rawObject(kind, namespace, metadata.name)) as KubernetesObject;
				const { resourceVersion: _ofThatServer, ...kept } = object.metadata;
				return { ...object, metadata: kept };
			}),
		);
	}
	return { recordedAt: new Date().toISOString(), namespace, objects };
}
