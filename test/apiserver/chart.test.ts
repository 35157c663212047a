import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { root } from "../../deploy/generate.ts";
import { type CommandResult, run } from "../../deploy/lib/commands.ts";
import { ensureTools } from "../../deploy/toolchain/tools.ts";
import type { KubernetesObject } from "../../src/kubernetes/object.ts";
import { deployments } from "../../src/kubernetes/resources.ts";
import { freshNamespace, testClient } from "./support.ts";

const chart = join(root, "charts/xmpp-federation-operator");
const images = [
	"--set=image.repository=registry.example/operator",
	"--set=gatewayImage.repository=registry.example/gateway",
];

let helm: string;
beforeAll(async () => {
	({ helm } = await ensureTools(["helm"]));
});

/** Runs helm against the test's API server, with nothing of the machine's own configuration. */
async function runHelm(args: readonly string[], namespace = "default"): Promise<CommandResult> {
	const home = await mkdtemp(join(tmpdir(), "xmppfed-helm-"));
	onTestFinished(async () => await rm(home, { recursive: true }));
	const env = { HOME: home, KUBECONFIG: inject("kubeconfig"), HELM_NAMESPACE: namespace };
	return await run([helm, ...args], { env, accept: [0, 1] });
}

async function rendered(...args: readonly string[]): Promise<readonly KubernetesObject[]> {
	const { code, stdout, stderr } = await runHelm(["template", "edge", chart, ...images, ...args]);
	expect(stderr.replaceAll(/^level=WARN.*\n/gm, "")).toBe("");
	expect(code).toBe(0);
	return parseAllDocuments(stdout).flatMap((document) => document.toJS() ?? []);
}

const everything = [
	"--namespace=xmppfed-system",
	"--set=networkPolicy.enabled=true",
	"--set=networkPolicy.monitoring[0].namespaceSelector.matchLabels.name=monitoring",
	"--set=podMonitor.enabled=true",
	"--set=podMonitor.labels.release=prometheus",
	"--set=dnsServers={192.0.2.53,192.0.2.54}",
	"--set=extraArgs={--lease-duration=30,--renew-deadline=20}",
	`--set=image.digest=sha256:${"a".repeat(64)}`,
	"--set=serviceAccount.annotations.owner=chat",
	"--set=priorityClassName=system-cluster-critical",
];

describe("what the chart renders", () => {
	test.each([
		["defaults", ["--namespace=xmppfed-system"]],
		["one-namespace", ["--namespace=chat", "--set=scope=Namespace", "--set=replicas=1"]],
		["everything", everything],
	])("%s", async (name, args) => {
		const { stdout } = await runHelm(["template", "edge", chart, ...images, "--set=crds.install=false", ...args]);
		await expect(stdout).toMatchFileSnapshot(`golden/chart/${name}.yaml`);
	});

	test("passes lint, also against its schema", async () => {
		const { code, stdout } = await runHelm(["lint", "--strict", chart, ...images]);
		expect(stdout).toContain("1 chart(s) linted, 0 chart(s) failed");
		expect(code).toBe(0);
	});

	test("is taken by the API server", async () => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		for (const scope of ["Cluster", "Namespace"]) {
			const objects = await rendered(
				`--namespace=${namespace}`,
				`--set=scope=${scope}`,
				"--set=networkPolicy.enabled=true",
			);
			const kubectl = [
				inject("binaries").kubectl,
				"apply",
				"--server-side",
				"--dry-run=server",
				"--validate=strict",
				"-f",
				"-",
			];
			const { code, stderr } = await run(kubectl, {
				env: { KUBECONFIG: inject("kubeconfig") },
				input: JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
				accept: [0, 1],
			});
			expect(stderr).toBe("");
			expect(code).toBe(0);
		}
	});

	test("has the rights of deploy/operator", async () => {
		const file = await readFile(join(root, "deploy/operator/rbac.yaml"), "utf8");
		const rulesOf = (objects: readonly unknown[], suffix: string): unknown =>
			objects
				.map((object): { kind?: string; metadata?: { name?: string }; rules?: unknown } => Object(object))
				.find(({ kind, metadata }) => kind === "ClusterRole" && metadata?.name?.endsWith(suffix))?.rules;
		const written = parseAllDocuments(file).map((document): unknown => document.toJS());
		const objects = await rendered();
		expect(rulesOf(objects, "-federations")).toEqual(rulesOf(written, "xmpp-federation-operator"));
		for (const suffix of ["-view", "-edit"]) expect(rulesOf(objects, suffix)).toEqual(rulesOf(written, suffix));
	});

	test("has the version of the project", async () => {
		const { version } = parse(await readFile(join(root, "package.json"), "utf8"));
		const { version: ofChart, appVersion } = parse(await readFile(join(chart, "Chart.yaml"), "utf8"));
		expect([ofChart, appVersion]).toEqual([version, version]);
	});
});

describe("values that are wrong", () => {
	test.each([
		[["--set=replicas=two"], "/replicas"],
		[["--set=scope=Namespaced"], "/scope"],
		[["--set=image.digest=latest"], "/image/digest"],
		[["--set=replica=2"], "replica"],
		[["--set=image.repository="], "image.repository is missing: set it to where the image is"],
	])("%j", async (args, words) => {
		const { code, stderr } = await runHelm(["template", "edge", chart, ...images, ...args]);
		expect(code).toBe(1);
		expect(stderr).toContain(words);
	});
});

test("installs, upgrades and goes; definitions stay", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	// The definitions of the shared API server belong to all tests.
	const args = ["edge", chart, ...images, "--set=crds.install=false", "--set=scope=Namespace"];
	const install = await runHelm(["install", ...args], namespace);
	expect(install.stderr).toBe("");
	expect(install.stdout).toContain(`kubectl -n ${namespace} rollout status deployment/edge-xmpp-federation-operator`);
	const replicas = async () =>
		(await client.get(deployments, namespace, "edge-xmpp-federation-operator"))?.spec?.replicas;
	expect(await replicas()).toBe(2);
	expect((await runHelm(["upgrade", ...args, "--set=replicas=3"], namespace)).code).toBe(0);
	expect(await replicas()).toBe(3);
	expect((await runHelm(["uninstall", "edge"], namespace)).code).toBe(0);
	expect(await replicas()).toBeUndefined();
	const kept = (await rendered()).filter(({ kind }) => kind === "CustomResourceDefinition");
	expect(kept.map(({ metadata }) => metadata.annotations?.["helm.sh/resource-policy"])).toEqual(kept.map(() => "keep"));
	expect(kept.length).toBeGreaterThan(0);
});
