import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { liveSettings, revisionFile, settingsFiles, settingsRevision } from "../../../src/gateway/settings.ts";
import { policyOf } from "../../../src/model/policy/compile.ts";
import { mostPolicyLists } from "../../../src/model/policy/lists.ts";
import { nodeObjects, sharedObjects } from "../../../src/objects/federation-objects.ts";
import { liveObjects } from "../../../src/objects/node-live.ts";
import { unusedLivePolicyLists } from "../../../src/objects/policy-lists.ts";
import { givenSecrets, modelled, sample } from "../fixtures/federation.ts";

const mebibyte = 1024 * 1024;
const names = Array.from({ length: 100_000 }, (_, index) => `d${index}.${"x".repeat(8)}.example`);
const directions = new Set(["Incoming", "Outgoing"] as const);
const policy = policyOf({
	default: "Allow",
	exceptions: new Map(names.map((name) => [name, { directions, source: "ConfigMap blocked" }])),
});

type Volume = ReturnType<typeof nodeObjects>["deployment"]["spec"]["template"]["spec"]["volumes"][number];

function configMapsOf(volume: Volume | undefined) {
	const sources = volume && "projected" in volume ? volume.projected.sources : [];
	return sources.flatMap((source) => ("configMap" in source ? [source.configMap] : []));
}

test("a policy of 100,000 domains stands in ConfigMaps that all nodes share, and each node mounts them", () => {
	const { intent, secrets } = modelled(sample("full"), {
		...givenSecrets,
		policy: { name: "blocked", effective: policy },
	});
	const lists = sharedObjects(intent).configMaps.filter(({ metadata }) =>
		metadata.name.startsWith("example-full-policy-"),
	);
	expect(lists.length).toBe(policy.lists.length);
	expect(lists.length).toBeGreaterThan(2);
	for (const { data, immutable } of lists) {
		expect(immutable).toBe(true);
		expect(JSON.stringify(data).length).toBeLessThan(mebibyte);
	}
	for (const node of intent.nodes) {
		const { configuration, deployment } = nodeObjects(intent, node, secrets);
		expect(JSON.stringify(configuration.data).length).toBeLessThan(100_000);
		const [volume] = deployment.spec.template.spec.volumes.filter(({ name }) => name === "settings");
		const sources = configMapsOf(volume);
		expect(sources.map((configMap) => configMap.name)).toEqual([
			configuration.metadata.name,
			...lists.map(({ metadata }) => metadata.name),
		]);
		const paths = sources.flatMap((configMap) => ("items" in configMap ? configMap.items.map(({ path }) => path) : []));
		expect(paths).toEqual(
			expect.arrayContaining(["policy.json", revisionFile, ...lists.map((_, index) => `policy-${index}.list`)]),
		);
		// The gateway finds the same revision from the files that it has.
		const files = Object.entries(settingsFiles(node)).filter(([name]) => name !== revisionFile);
		const texts = policy.lists.map(({ text }, index) => [`policy-${index}.list`, text]);
		const revision = settingsRevision({ ...Object.fromEntries(files), ...Object.fromEntries(texts) });
		expect(settingsFiles(node)[revisionFile]).toBe(`${revision}\n`);
		const digests = policy.lists.map(({ text }) => createHash("sha256").update(text).digest("hex"));
		expect(node.policy?.lists).toEqual(digests);
	}
});

test("with the strategy Live pods mount all lists that there can be, and find in them what their settings name", () => {
	const live = sample("full", (spec) => void (spec.rollout = { strategy: "Live" }));
	const { intent, secrets } = modelled(live, { ...givenSecrets, policy: { name: "blocked", effective: policy } });
	const { intent: without } = modelled(live, givenSecrets);
	const shared = sharedObjects(intent);
	expect(shared.configMaps.filter(({ metadata }) => metadata.name.startsWith("example-full-policy-"))).toEqual([]);
	const lists = shared.mutable.flatMap((object) => (object.kind === "ConfigMap" ? [object] : []));
	expect(lists.map(({ data }) => data.list)).toEqual(policy.lists.map(({ text }) => text));
	for (const list of lists) expect(list).not.toHaveProperty("immutable");
	const unused = unusedLivePolicyLists(intent);
	expect(lists.length + unused.length).toBe(mostPolicyLists);
	for (const [index, node] of intent.nodes.entries()) {
		const { deployment } = nodeObjects(intent, node, secrets);
		const { volumes } = deployment.spec.template.spec;
		const settings = volumes.find(({ name }) => name === "settings");
		const sources = configMapsOf(settings);
		const optional = sources.filter((configMap) => "optional" in configMap).map((configMap) => configMap.name);
		expect(optional).toEqual([...lists.map(({ metadata }) => metadata.name), ...unused]);
		// A policy that comes later needs no other pod.
		const before = without.nodes[index];
		if (!before) throw new Error("a policy makes no nodes");
		expect(nodeObjects(without, before, secrets).deployment).toEqual(deployment);
		const { configuration } = liveObjects(intent, node, secrets, "2026-06-01T12:00:00Z");
		expect(JSON.stringify(configuration.data).length).toBeLessThan(100_000);
		const written = liveSettings(node);
		const files = Object.entries(written).filter(([name]) => name !== revisionFile);
		const texts = policy.lists.map(({ text }, place) => [`policy-${place}.list`, text]);
		const revision = settingsRevision({ ...Object.fromEntries(files), ...Object.fromEntries(texts) });
		expect(configuration.data).toMatchObject({ ...written, [revisionFile]: `${revision}\n` });
	}
});
