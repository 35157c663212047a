import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { deployments } from "../../src/kubernetes/resources.ts";
import { imageFromAnnotation } from "../../src/objects/annotations.ts";
import { nodeLabel } from "../../src/objects/labels.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { playCluster, podsByNode } from "./played-cluster.ts";
import { Rollouts } from "./rollout-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

const name = "example";
const nodes = [
	{ name: "gw-1", federation: "Enabled" },
	{ name: "gw-2", federation: "Enabled" },
	{ name: "inside" },
] as const;
/** Long enough for whatever the operator would still do. */
const quiet = 1_500;

/** One operator after the other has the federation. */
test("nodes take the image of a newer operator with their next restart, each for itself, or at once where that is asked for", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const cluster = playCluster(client, namespace);
	const rollouts = new Rollouts(client, namespace, name);
	const settled = async () =>
		await eventually(async () => {
			const { metadata, status } = await rollouts.live();
			const progressing = status?.conditions.find(({ type }) => type === "Progressing");
			const isOver = progressing?.reason === "Complete" && progressing.observedGeneration === metadata.generation;
			if (!isOver || status?.rollout) throw new Error(JSON.stringify(status));
			return true;
		}, "the roll-out to be over");
	/** Tag of the image of each node, and who chose it. */
	const images = async () => {
		const { items } = await client.list(deployments, { namespace, labelSelector: nodeLabel });
		return Object.fromEntries(
			items.map(({ metadata: { labels, annotations }, spec }) => [
				labels?.[nodeLabel],
				`${spec?.template.spec?.containers[0]?.image?.split(":")[1]} ${annotations?.[imageFromAnnotation]}`,
			]),
		);
	};
	const lastCauses = async () =>
		(await rollouts.live()).status?.finishedRollouts?.[0]?.causes.map(
			(cause) => `${cause.reason} ${cause.field} ${cause.nodes.join()}`,
		);
	const patchNodes = async (list: readonly object[]) => await rollouts.patch({ spec: { nodes: list } });

	const first = startOperator(namespace, { gatewayImage: "gateway:1" });
	await client.create(federations, federation(namespace, name, { nodes }));
	await settled();
	await first.stop();
	startOperator(namespace, { gatewayImage: "gateway:2" });
	await eventually(
		async () => (await rollouts.live()).status?.effective?.operatorImage === "gateway:2",
		"status to tell of the newer image",
	);
	await sleep(quiet);
	expect(podsByNode(cluster)).toEqual({ "gw-1": 1, "gw-2": 1, inside: 1 });
	expect((await condition(client, namespace, name, "Progressing"))?.message).toBe(
		"Every node runs what the resource asks for. The operator has another gateway image, gateway:2: gw-1, gw-2, inside will " +
			"take it with the next restart, or at once with spec.rollout.imageUpdates: Automatic.",
	);
	expect((await condition(client, namespace, name, "Ready"))?.text).toBe("True AllNodesReady");

	const [gw1, gw2, inside] = nodes;
	await patchNodes([gw1, { ...gw2, published: false }, inside]);
	await eventually(() => podsByNode(cluster)["gw-2"] === 2, "the node that changed to restart");
	await settled();
	expect(await images()).toEqual({ "gw-1": "1 Operator", "gw-2": "2 Operator", inside: "1 Operator" });
	expect(await lastCauses()).toEqual([
		"PublishedChanged spec.nodes[gw-2].published gw-2",
		"ImageChanged gateway image of the operator gw-2",
	]);

	await rollouts.patch({ spec: { rollout: { imageUpdates: "Automatic" } } });
	await eventually(() => podsByNode(cluster)["inside"] === 2, "the last node to restart");
	await settled();
	expect(await lastCauses()).toEqual(["ImageChanged gateway image of the operator gw-1,inside"]);
	expect(podsByNode(cluster)).toEqual({ "gw-1": 2, "gw-2": 2, inside: 2 });
	expect((await rollouts.live()).status?.effective?.operatorImage).toBeUndefined();

	// Named, and then named no more: the operator's, though the node has another that runs its intent.
	await rollouts.patch({ spec: { image: "gateway:0", rollout: { imageUpdates: "Manual" } } });
	await eventually(() => podsByNode(cluster)["inside"] === 3, "the last node to restart");
	await settled();
	expect(await images()).toEqual({ "gw-1": "0 Spec", "gw-2": "0 Spec", inside: "0 Spec" });
	await rollouts.patch({ spec: { image: null } });
	await eventually(() => podsByNode(cluster)["inside"] === 4, "the last node to restart");
	await settled();
	expect(await images()).toEqual({ "gw-1": "2 Operator", "gw-2": "2 Operator", inside: "2 Operator" });

	// The same image by another choice restarts nothing, and counts from then on.
	await rollouts.patch({ spec: { image: "gateway:2" } });
	await eventually(async () => (await images())["gw-1"] === "2 Spec", "the choice to be written down");
	await rollouts.patch({ spec: { image: null } });
	await eventually(async () => (await images())["inside"] === "2 Operator", "the choice to be written down");
	await settled();
	expect(podsByNode(cluster)).toEqual({ "gw-1": 4, "gw-2": 4, inside: 4 });
}, 60_000);
