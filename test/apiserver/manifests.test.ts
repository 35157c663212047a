import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { root } from "../../deploy/generate.ts";
import { run } from "../../deploy/lib/commands.ts";
import { releaseManifest } from "../../deploy/release-manifest.ts";
import { parseOptions } from "../../src/controller/options.ts";
import type { KubernetesObject } from "../../src/kubernetes/object.ts";
import { objectsOf, rendered } from "./helm.ts";
import { kubectl } from "./rights.ts";
import { freshNamespace, testClient } from "./support.ts";

const directory = join(root, "deploy/operator");

test.each([
	{ scope: "Cluster", kustomization: directory, namespace: "xmppfed-system" },
	{ scope: "Namespace", kustomization: join(directory, "namespaced"), namespace: "xmppfed" },
])("the chart with scope $scope makes what kustomize makes", async ({ scope, kustomization, namespace }) => {
	const byKustomize = objectsOf(await kubectl(["kustomize", kustomization])).filter(({ kind }) => kind !== "Namespace");
	const release = "xmpp-federation-operator";
	const values = [
		`--namespace=${namespace}`,
		`--set=scope=${scope}`,
		"--set=crds.install=false",
		"--set=image.repository=localhost/xmpp-federation-operator,image.tag=dev",
		"--set=gatewayImage.repository=localhost/xmpp-federation-gateway,gatewayImage.tag=dev",
	];
	const byChart = (await rendered(values, release)).filter(
		({ metadata }) => metadata.annotations?.["helm.sh/hook"] === undefined,
	);
	expect(byName(byKustomize).length).toBeGreaterThan(5);
	expect(byName(byChart)).toEqual(byName(byKustomize));
});

test("the file of a release is the definitions and what kustomize makes", async () => {
	const built = objectsOf(await releaseManifest());
	const definitions = await readdir(join(root, "crds"));
	expect(built.slice(0, definitions.length).map(({ kind }) => kind)).toEqual(
		definitions.map(() => "CustomResourceDefinition"),
	);
	const byKustomize = objectsOf(await kubectl(["kustomize", directory]));
	expect(byName(built.slice(definitions.length))).toEqual(byName(byKustomize));
	expect(await dryRun(built)).toBe("");
});

test("the file of a release names the images that it is built for", async () => {
	const images = { operator: "registry.example/operator@sha256:1", gateway: "registry.example/gateway@sha256:2" };
	const operator = objectsOf(await releaseManifest(images)).find(({ kind }) => kind === "Deployment");
	expect(operator).toMatchObject({ spec: { template: { spec: { containers: [{ image: images.operator }] } } } });
	expect(JSON.stringify(operator)).toContain(`"--gateway-image=${images.gateway}"`);
	expect(JSON.stringify(operator)).not.toContain("localhost/");
});

test("all samples are taken together, field by field", async () => {
	const namespace = await freshNamespace(testClient());
	const samples = join(root, "deploy/samples");
	const files = (await readdir(samples)).filter((name) => name.endsWith(".yaml"));
	const texts = await Promise.all(files.map(async (name) => await readFile(join(samples, name), "utf8")));
	const count = texts.flatMap(objectsOf).length;
	const flags = ["apply", "-n", namespace, "--validate=strict", ...files.map((name) => `-f=${join(samples, name)}`)];
	const applied = (await kubectl([...flags, "-o", "name"])).trim().split("\n");
	expect(applied).toHaveLength(count);
	expect(applied.filter((name) => name.startsWith("xmppfederation.xmppfed.dev/")).length).toBeGreaterThan(1);
});

/** What kubectl says against the objects; nothing where the API server takes every field of every object. */
async function dryRun(objects: readonly KubernetesObject[]): Promise<string> {
	const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
	// A dry run makes no namespace for what would be in it.
	const here = list.replaceAll('"namespace":"xmppfed-system"', '"namespace":"default"');
	const flags = ["--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts", "-f", "-"];
	const command = [inject("binaries").kubectl, "apply", ...flags];
	const env = { KUBECONFIG: inject("kubeconfig") };
	return (await run(command, { env, input: here, accept: [0, 1] })).stderr;
}

/** Objects in one order, without what tells the two ways of installing apart and does nothing else. */
function byName(objects: readonly KubernetesObject[]): unknown[] {
	return objects.map((object) => plain(object)).toSorted((a, b) => (identity(a) < identity(b) ? -1 : 1));
}

const identity = (object: unknown) => {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made of one
	const { kind, metadata } = object as KubernetesObject;
	return `${kind}/${metadata.name}`;
};

/** Labels of Helm, and of the release. */
const ofHelm: ReadonlySet<string> = new Set([
	"app.kubernetes.io/instance",
	"app.kubernetes.io/version",
	"app.kubernetes.io/managed-by",
	"helm.sh/chart",
]);

/** Arguments are what the operator understands of them: the chart writes defaults out. */
function plain(value: unknown, key?: string): unknown {
	if (key === "args" && Array.isArray(value)) {
		return plain(parseOptions(value.map(String), { POD_NAME: "operator", POD_NAMESPACE: "xmppfed-system" }));
	}
	if (Array.isArray(value)) return value.map((item: unknown) => plain(item));
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).flatMap(([name, part]: [string, unknown]) =>
			ofHelm.has(name) ? [] : [[name, plain(part, name)]],
		),
	);
}
