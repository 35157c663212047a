import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { parse } from "yaml";
import { root } from "../../deploy/generate.ts";
import { run } from "../../deploy/lib/commands.ts";
import { toolVersion } from "../../deploy/toolchain/tools.ts";
import { deployments } from "../../src/kubernetes/resources.ts";
import { internalServiceName, publicServiceName, serviceHost } from "../../src/model/names.ts";
import { chart, helms, images, objectsOf, rendered, runHelm } from "./helm.ts";
import { freshNamespace, testClient } from "./support.ts";

const everything = [
	"--namespace=xmppfed-system",
	"--set=networkPolicy.enabled=true",
	"--set=networkPolicy.monitoring[0].namespaceSelector.matchLabels.name=monitoring",
	"--set=podMonitor.enabled=true",
	"--set=podMonitor.labels.release=prometheus",
	"--set=dnsServers={192.0.2.53,192.0.2.54}",
	"--set=extraArgs={--lease-duration=30,--renew-deadline=20}",
	"--set=extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy.example:3128",
	"--set=networkPolicy.extraEgress[0].ports[0].port=4317",
	"--set=tracing.endpoint=http://collector.monitoring.svc:4318",
	"--set=fullnameOverride=xmppfed",
	"--set=commonLabels.team=chat",
	"--set=commonAnnotations.contact=chat@example.com",
	"--set=podLabels.tier=control",
	"--set=podAnnotations.note=hello",
	"--set=imagePullSecrets[0].name=registry",
	"--set=tolerations[0].operator=Exists",
	"--set=topologySpreadConstraints[0].maxSkew=1",
	"--set=topologySpreadConstraints[0].topologyKey=topology.kubernetes.io/zone",
	"--set=topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule",
	`--set=image.digest=sha256:${"a".repeat(64)}`,
	"--set=serviceAccount.annotations.owner=chat",
	"--set=priorityClassName=system-cluster-critical",
];

const variants: readonly (readonly [name: string, args: readonly string[]])[] = [
	["defaults", ["--namespace=xmppfed-system"]],
	["one-namespace", ["--namespace=chat", "--set=scope=Namespace", "--set=replicas=1"]],
	["everything", everything],
];

describe("what the chart renders", () => {
	test.each(variants)("%s, by Helm 4 and by Helm 3", async (name, args) => {
		const command = ["template", "edge", chart, ...images, "--set=crds.install=false", ...args];
		const { stdout } = await runHelm(command);
		await expect(stdout).toMatchFileSnapshot(`golden/chart/${name}.yaml`);
		// Built without its own build's flags, Helm 3 takes the cluster that it does not ask for an old one.
		const byHelm3 = await runHelm([...command, `--kube-version=${await toolVersion("kubelet")}`], { helm: "helm3" });
		expect(byHelm3.stderr).toBe("");
		expect(objectsOf(byHelm3.stdout)).toEqual(objectsOf(stdout));
	});

	test.each(helms)("passes lint of %s, also against its schema", async (helm) => {
		const { code, stdout } = await runHelm(["lint", "--strict", chart, ...images], { helm });
		expect(stdout).toContain("1 chart(s) linted, 0 chart(s) failed");
		expect(code).toBe(0);
	});

	test.each(variants)("%s is taken by the API server, field by field", async (_name, args) => {
		const namespace = await freshNamespace(testClient());
		const objects = await rendered([...args, `--namespace=${namespace}`]);
		// The Prometheus operator's kinds are not there.
		const items = objects.filter(({ apiVersion }) => !apiVersion.startsWith("monitoring.coreos.com/"));
		const kubectl = [inject("binaries").kubectl, "apply", "--server-side", "--dry-run=server", "--validate=strict"];
		const { code, stderr } = await run([...kubectl, "-f", "-"], {
			env: { KUBECONFIG: inject("kubeconfig") },
			input: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
			accept: [0, 1],
		});
		expect(stderr).toBe("");
		expect(code).toBe(0);
	});

	test("its notes say the next steps in the one namespace that the operator sees", async () => {
		const where = ["--namespace=chat", "--set=scope=Namespace", "--set=crds.install=false"];
		const { stdout } = await runHelm(["install", "edge", chart, ...images, ...where, "--dry-run=client"]);
		const steps = stdout.slice(stdout.indexOf("NOTES:")).match(/^ {2}(kubectl|helm) .*/gm) ?? [];
		expect(steps.length).toBeGreaterThan(3);
		expect(steps.filter((step) => !step.includes(" -n chat"))).toEqual([]);
	});

	test("knows the names of a federation's Services", async () => {
		const objects = await rendered(["--namespace=chat", "--set=clusterDomain=cluster.example"]);
		const federation = objects.find(({ kind }) => kind === "XmppFederation");
		const name = federation?.metadata.name ?? "";
		const host = (service: string) => serviceHost(service, "chat", "cluster.example");
		expect(federation).toMatchObject({ spec: { domain: host(publicServiceName(name)) } });
		const pod = objects.find(({ kind }) => kind === "Pod");
		expect(JSON.stringify(pod)).toContain(`{"name":"TEST_ROUTER","value":"${host(internalServiceName(name))}"}`);
	});

	test("has a value for all that its schema knows", async () => {
		const schema: unknown = JSON.parse(await readFile(join(chart, "values.schema.json"), "utf8"));
		const values: unknown = parse(await readFile(join(chart, "values.yaml"), "utf8"));
		// Of subcharts, of which there are none: Helm itself passes it.
		expect(pathsOf(schema).filter((path) => path !== "global" && !has(values, path.split(".")))).toEqual([]);
	});

	test("has the version of the project", async () => {
		const { version } = parse(await readFile(join(root, "package.json"), "utf8"));
		const { version: ofChart, appVersion } = parse(await readFile(join(chart, "Chart.yaml"), "utf8"));
		expect([ofChart, appVersion]).toEqual([version, version]);
	});
});

interface Schema {
	readonly properties?: Readonly<Record<string, Schema>>;
}

/** Paths of the properties of a schema, `a.b`, but those in definitions. */
function pathsOf(schema: unknown): string[] {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a file of this repository
	return Object.entries((schema as Schema).properties ?? {}).flatMap(([key, value]) => [
		key,
		...pathsOf(value).map((path) => `${key}.${path}`),
	]);
}

function has(value: unknown, [key, ...rest]: readonly string[]): boolean {
	if (key === undefined) return true;
	return typeof value === "object" && value !== null && key in value && has(Reflect.get(value, key), rest);
}

describe("values that are wrong", () => {
	test.each([
		[["--set=replicas=two"], "/replicas"],
		[["--set=scope=Namespaced"], "/scope"],
		[["--set=image.digest=latest"], "/image/digest"],
		[["--set=replica=2"], "replica"],
		[["--set=networkPolicy.ldapPorts={70000}"], "/networkPolicy/ldapPorts/0"],
		[["--set=fullnameOverride=Edge"], "/fullnameOverride"],
		[["--set=image.repository="], "image.repository is missing: set it to where the image is"],
	])("%j", async (args, words) => {
		const { code, stderr } = await runHelm(["template", "edge", chart, ...images, ...args]);
		expect(code).toBe(1);
		expect(stderr).toContain(words);
	});
});

test.each(helms)("%s installs, upgrades and removes it; definitions stay", async (helm) => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	// The definitions of the shared API server belong to all tests.
	const args = ["edge", chart, ...images, "--set=crds.install=false", "--set=scope=Namespace"];
	const install = await runHelm(["install", ...args], { namespace, helm });
	expect(install.stderr).toBe("");
	expect(install.stdout).toContain(`kubectl -n ${namespace} rollout status deployment/edge-xmpp-federation-operator`);
	const replicas = async () =>
		(await client.get(deployments, namespace, "edge-xmpp-federation-operator"))?.spec?.replicas;
	expect(await replicas()).toBe(2);
	expect((await runHelm(["upgrade", ...args, "--set=replicas=3"], { namespace, helm })).code).toBe(0);
	expect(await replicas()).toBe(3);
	expect((await runHelm(["uninstall", "edge"], { namespace, helm })).code).toBe(0);
	expect(await replicas()).toBeUndefined();
	const kept = (await rendered([])).filter(({ kind }) => kind === "CustomResourceDefinition");
	expect(kept.map(({ metadata }) => metadata.annotations?.["helm.sh/resource-policy"])).toEqual(kept.map(() => "keep"));
	expect(kept.length).toBeGreaterThan(0);
});
