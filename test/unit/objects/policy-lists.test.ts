import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { revisionFile, settingsFiles, settingsRevision } from "../../../src/gateway/settings.ts";
import { policyOf } from "../../../src/model/policy/compile.ts";
import { nodeObjects, sharedObjects } from "../../../src/objects/federation-objects.ts";
import { givenSecrets, modelled, sample } from "../fixtures/federation.ts";

const mebibyte = 1024 * 1024;
const names = Array.from({ length: 100_000 }, (_, index) => `d${index}.${"x".repeat(20)}.example`);
const directions = new Set(["Incoming", "Outgoing"] as const);
const policy = policyOf({
	default: "Allow",
	exceptions: new Map(names.map((name) => [name, { directions, source: "ConfigMap blocked" }])),
});

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
		const sources = volume && "projected" in volume ? volume.projected.sources : [];
		expect(sources.map(({ configMap }) => configMap.name)).toEqual([
			configuration.metadata.name,
			...lists.map(({ metadata }) => metadata.name),
		]);
		const paths = sources.flatMap(({ configMap }) =>
			"items" in configMap ? configMap.items.map(({ path }) => path) : [],
		);
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
