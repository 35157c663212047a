import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { nodeObjects, sharedObjects } from "../../../src/objects/federation-objects.ts";
import { givenSecrets, modelled, sample } from "../fixtures/federation.ts";

const yaml = (objects: readonly object[]) =>
	objects.map((object) => stringify(object, { aliasDuplicateObjects: false, lineWidth: 120 })).join("---\n");

describe.each([
	["smallest", {}],
	["full", givenSecrets],
] as const)("objects of the %s sample", (name, secrets) => {
	const model = modelled(
		sample(name, (spec) => (spec.resolver = { enabled: true })),
		secrets,
	);
	const nodes = model.intent.nodes.map((node) => ({ node, objects: nodeObjects(model.intent, node, model.secrets) }));
	const shared = sharedObjects(model.intent);
	const everything = [
		...shared.configMaps,
		...shared.mutable,
		...nodes.flatMap(({ objects }) => Object.values(objects)),
	];

	test("shared", async () => {
		await expect(yaml([...shared.configMaps, ...shared.mutable])).toMatchFileSnapshot(`golden/${name}.shared.yaml`);
	});
	test.each(nodes)("of node $node.name", async ({ node, objects }) => {
		await expect(yaml([objects.deployment])).toMatchFileSnapshot(`golden/${name}.${node.name}.yaml`);
	});

	test("are owned by the federation and labelled, so that they go with it and are seen by the caches", () => {
		for (const { metadata } of everything) {
			expect(metadata.ownerReferences).toEqual([expect.objectContaining({ uid: model.intent.uid, controller: true })]);
			expect(metadata.labels).toMatchObject({ "app.kubernetes.io/managed-by": "xmpp-federation-operator" });
		}
	});
	test("have names that Kubernetes takes, each once a kind", () => {
		const names = everything.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
		expect(new Set(names).size).toBe(names.length);
		for (const { kind, metadata } of everything) {
			expect(metadata.name).toMatch(
				kind === "Service" ? /^[a-z][-a-z0-9]{0,61}[a-z0-9]$/ : /^[a-z][-a-z0-9]{0,251}[a-z0-9]$/,
			);
		}
	});
	test("hold secrets in Secrets only", () => {
		const others = JSON.stringify(everything.filter(({ kind }) => kind !== "Secret"));
		const { certificate, dialback, link } = model.secrets;
		for (const secret of [certificate.key, dialback, link]) {
			expect(others).not.toContain(secret);
			expect(others).not.toContain(Buffer.from(secret, "base64").toString("utf8").trim());
		}
	});
});
