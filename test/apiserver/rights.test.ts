import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { services } from "../../src/kubernetes/resources.ts";
import { base64, certificate, key } from "../unit/fixtures/federation.ts";
import { startApiProxy } from "./api-proxy.ts";
import {
	condition,
	federation,
	federations,
	impatient,
	objectCount,
	ownedObjects,
	startOperator,
} from "./operator-support.ts";
import { playCluster } from "./played-cluster.ts";
import { startReplica } from "./replica.ts";
import { grant, installedRules, kubeconfigOf, kubectl, without } from "./rights.ts";
import { settled } from "./settled.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

async function setup(...missing: readonly string[]) {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const rules = await installedRules();
	await grant(client, namespace, without(rules, ...missing));
	const kubeconfig = await kubeconfigOf(namespace, "operator");
	const owned = async () => await ownedObjects(client, namespace, "example");
	const degraded = async () => await condition(client, namespace, "example", "Degraded");
	return { client, namespace, rules, kubeconfig, owned, degraded };
}

test("a right to write that is missing is named, everything else is made, and it is used when it is given", async () => {
	const { client, namespace, rules, kubeconfig, owned, degraded } = await setup("create services");
	const operator = startOperator(namespace, {}, { kubeconfig, timing: impatient });
	await client.create(federations, federation(namespace, "example"));
	await eventually(async () => (await degraded())?.text === "True Forbidden", "Degraded");
	expect((await degraded())?.message).toContain(
		`the right to create services in namespace ${namespace} is missing: apply services ${namespace}/example-`,
	);
	expect((await owned()).filter((name) => !name.startsWith("Service/"))).toHaveLength(objectCount - 3);
	expect((await owned()).filter((name) => name.startsWith("Service/"))).toEqual([]);
	expect(JSON.stringify(operator.records)).toContain(`the right to create services in namespace ${namespace}`);

	await grant(client, namespace, rules);
	// Any change; without one it is tried again after 20 s.
	await client.mergePatch(federations, namespace, "example", { spec: { service: { labels: { again: "1" } } } });
	await eventually(async () => (await degraded())?.text === "False AsExpected", "the end of it");
	expect(await owned()).toHaveLength(objectCount);
});

test("a kind that may not be listed is named in log and condition, and the others are carried out", async () => {
	const lists = ["list poddisruptionbudgets", "watch poddisruptionbudgets", "list services"];
	const { client, namespace, rules, kubeconfig, owned, degraded } = await setup(...lists);
	const operator = startOperator(namespace, {}, { kubeconfig, timing: impatient });
	await client.create(federations, federation(namespace, "example"));
	await eventually(async () => (await owned()).length === objectCount, "all objects");
	await eventually(async () => (await degraded())?.text === "True Forbidden", "Degraded");
	const messages = [
		`the right to list poddisruptionbudgets in namespace ${namespace} is missing`,
		`the right to list services in namespace ${namespace} is missing`,
	];
	for (const message of messages) {
		expect((await degraded())?.message).toContain(message);
		expect(operator.records).toContainEqual(
			expect.objectContaining({ level: 50, msg: message, verb: "list", namespace }),
		);
	}
	// Nothing shows what there is: it is not made over and over for that.
	const mark = operator.writes().length;
	await client.mergePatch(federations, namespace, "example", { metadata: { annotations: { look: "again" } } });
	await sleep(1_000);
	expect(operator.writes().slice(mark)).toEqual([]);

	await grant(client, namespace, rules);
	await eventually(async () => (await degraded())?.text === "False AsExpected", "the end of it");
	// What is now seen is put right when somebody changes it.
	const [service] = (await owned()).filter((name) => name.startsWith("Service/"));
	const name = service?.split("/")[1] ?? "";
	await client.mergePatch(services, namespace, name, { spec: { selector: { app: "mine" } } });
	await eventually(
		async () => !("app" in ((await client.get(services, namespace, name))?.spec?.selector ?? {})),
		"the selector is ours again",
	);
});

test.each(["list pods", "watch pods", "list deployments", "watch secrets"])(
	"without the right to %s nothing is done, and the condition says so, until it is given",
	async (right) => {
		const { client, namespace, rules, kubeconfig, owned, degraded } = await setup(right);
		const operator = startOperator(namespace, {}, { kubeconfig, timing: impatient });
		await eventually(() => operator.records.some(({ level }) => level === 50), "the log of the start");
		await client.create(federations, federation(namespace, "example"));
		await eventually(async () => (await degraded())?.text === "True Forbidden", "Degraded");
		expect((await degraded())?.message).toContain(`the right to ${right} in namespace ${namespace} is missing`);
		expect((await condition(client, namespace, "example", "Ready"))?.text).toBe("False Forbidden");
		expect(await owned()).toEqual([]);
		await grant(client, namespace, rules);
		await eventually(async () => (await owned()).length === objectCount, "all objects");
		await eventually(async () => (await degraded())?.text === "False AsExpected", "the end of it");
	},
);

test("a right that is taken away while the operator runs stops it from acting on what it once saw", async () => {
	const { client, namespace, rules, kubeconfig, owned, degraded } = await setup();
	const proxy = await startApiProxy(kubeconfig);
	startOperator(namespace, {}, { kubeconfig: proxy.kubeconfig, timing: impatient });
	playCluster(client, namespace);
	await client.create(federations, federation(namespace, "example"));
	await settled(client, namespace, "example");
	const before = await owned();
	await grant(client, namespace, without(rules, "list pods", "watch pods"));
	// RBAC is asked when a watch begins.
	await sleep(500);
	proxy.cut();
	await eventually(async () => (await degraded())?.text === "True Forbidden", "Degraded");
	const nodes = [{ name: "gw-1", federation: "Enabled" }];
	await client.mergePatch(federations, namespace, "example", { spec: { nodes } });
	await sleep(1_000);
	expect(await owned()).toEqual(before);
	await grant(client, namespace, rules);
	await settled(client, namespace, "example");
	expect((await owned()).length).toBeLessThan(before.length);
});

test("an installation for one namespace does everything there with the rights of its manifests, and nothing elsewhere", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const elsewhere = await freshNamespace(client);
	const manifests = await render(namespace);
	await kubectl(["apply", "-f", "-"], manifests);
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- manifests of this repository
	const objects = parseAllDocuments(manifests).map((document) => document.toJS() as Installed);
	expect(objects.map(({ metadata }) => metadata.namespace)).toEqual(objects.map(() => namespace));
	const container = objects.find(({ kind }) => kind === "Deployment")?.spec?.template.spec.containers[0];

	const proxy = await startApiProxy(await kubeconfigOf(namespace, "xmpp-federation-operator"));
	const args = (container?.args ?? []).map((argument) => argument.replaceAll("$(POD_NAMESPACE)", namespace));
	const replica = startReplica("operator-1", { kubeconfig: proxy.kubeconfig, args });
	playCluster(client, namespace);
	await client.create(federations, federation(elsewhere, "example"));
	await kubectl(["create", "-f", "-"], JSON.stringify(secret(namespace, "example-tls", "kubernetes.io/tls", tls)));
	const dialback = { secret: base64("x".repeat(32)) };
	await kubectl(["create", "-f", "-"], JSON.stringify(secret(namespace, "example-dialback", "Opaque", dialback)));
	const given = {
		additionalDomains: ["conference.example.com"],
		nodes: [{ name: "gw-1", federation: "Enabled" }, { name: "gw-2" }],
		resolver: { enabled: true },
		security: { certificate: { secretName: "example-tls" }, dialback: { secretRef: { name: "example-dialback" } } },
	};
	await client.create(federations, federation(namespace, "example", given));
	await eventually(() => replica.logged("caches are full"), "the start");
	await settled(client, namespace, "example");
	// A change of a node, the removal of another, and of the resolver.
	const changed = { nodes: given.nodes.slice(0, 1), resolver: null, additionalDomains: [] };
	await client.mergePatch(federations, namespace, "example", { spec: changed });
	await settled(client, namespace, "example");

	expect(proxy.requests.filter(({ status }) => status === 403)).toEqual([]);
	// Outside it only what everybody may read: the document of the API server's definitions.
	const outside = proxy.requests.filter((seen) => seen.namespace !== namespace);
	expect(outside.map(({ verb, resource, name }) => `${verb} ${resource}/${name}`)).toEqual([
		"get xmppfed.dev/v1alpha1",
	]);
	expect(proxy.writes().some(({ verb }) => verb === "delete")).toBe(true);
	expect(proxy.writes().some(({ resource }) => resource === "events")).toBe(true);
	expect((await client.get(federations, elsewhere, "example"))?.status).toBeUndefined();
	replica.signal("SIGTERM");
	expect(await replica.ended).toBe(0);
});

interface Installed {
	readonly kind: string;
	readonly metadata: { readonly namespace?: string };
	readonly spec?: {
		readonly template: { readonly spec: { readonly containers: readonly { readonly args: string[] }[] } };
	};
}

const tls = { "tls.crt": certificate, "tls.key": key };
const secret = (namespace: string, name: string, type: string, data: object) => ({
	apiVersion: "v1",
	kind: "Secret",
	metadata: { name, namespace },
	type,
	data,
});

/** The manifests for a namespace of one's own, by the overlay that they tell to write. */
async function render(namespace: string): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-overlay-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	const installed = fileURLToPath(new URL("../../deploy/operator/namespaced", import.meta.url));
	const overlay = { resources: [relative(directory, installed)], namespace };
	await writeFile(join(directory, "kustomization.yaml"), JSON.stringify(overlay));
	return await kubectl(["kustomize", directory]);
}
