import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { z } from "zod";
import { buildKubectlPlugin } from "../../deploy/build.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../src/kubernetes/connection.ts";
import { namespaces, secrets } from "../../src/kubernetes/resources.ts";
import { runningFederation, xmppfed } from "./cli-support.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { applyCrds } from "./crds.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { kubeconfigOf, kubectl } from "./rights.ts";
import { eventually, freshNamespace, temporaryKubeconfig, testClient } from "./support.ts";

/** Beside the one that all tests share. */
let second: ControlPlane;

beforeAll(async () => {
	[second] = await Promise.all([startControlPlane(inject("binaries")), buildKubectlPlugin()]);
	const client = new KubernetesClient(loadKubeConfig({ kubeconfig: second.kubeconfig }));
	await applyCrds(client);
	await client.close();
});

afterAll(async () => await second.stop());

const report = z.looseObject({
	domains: z.array(
		z.looseObject({
			domain: z.string(),
			federations: z.array(z.looseObject({ cluster: z.string(), name: z.string() })),
			checks: z.array(z.looseObject({ check: z.string(), verdict: z.string(), finding: z.string() })),
		}),
	),
	summary: z.record(z.string(), z.number()),
});

/** One kubeconfig with a context for each. */
async function merged(contexts: Readonly<Record<string, string>>): Promise<string> {
	const read = Object.entries(contexts).map(async ([name, file]) => {
		const config = loadKubeConfig({ kubeconfig: file });
		const { clusters, users }: { clusters: { cluster: object }[]; users: { user: object }[] } = JSON.parse(
			await readFile(file, "utf8"),
		);
		const { namespace } = config.getContextObject(config.getCurrentContext()) ?? {};
		return {
			cluster: { name, cluster: clusters[0]?.cluster },
			user: { name, user: users[0]?.user },
			context: { name, context: { cluster: name, user: name, namespace } },
		};
	});
	const parts = await Promise.all(read);
	const config = {
		apiVersion: "v1",
		kind: "Config",
		clusters: parts.map(({ cluster }) => cluster),
		users: parts.map(({ user }) => user),
		contexts: parts.map(({ context }) => context),
		"current-context": parts[0]?.context.name,
	};
	return await temporaryKubeconfig(JSON.stringify(config));
}

const secret = (namespace: string, value: string) => ({
	apiVersion: "v1",
	kind: "Secret",
	metadata: { name: "dialback", namespace },
	data: { secret: Buffer.from(value).toString("base64") },
});

const consistent = async (client: KubernetesClient, namespace: string, expected: string, name = "example") =>
	await eventually(async () => {
		const found = await condition(client, namespace, name, "SettingsConsistent");
		return found?.text === expected && found.message;
	}, `SettingsConsistent of ${namespace}/${name} is ${expected}`);

test("federations of one domain in all namespaces that the operator sees are compared (R14)", async () => {
	const { kubeconfig } = second;
	const client = testClient({}, kubeconfig);
	const [east, west] = [await freshNamespace(client), await freshNamespace(client)];
	for (const namespace of [east, west]) {
		await client.create(secrets, secret(namespace, "one secret for both of them"));
	}
	startOperator(undefined, {}, { kubeconfig });
	await client.create(federations, federation(east, "example"));
	await client.create(federations, federation(east, "other", { domain: "other.example" }));
	expect(await consistent(client, east, "True OnlyFederation")).toBe(
		"The operator sees no other federation of example.com.",
	);

	// Each makes a dialback secret of its own.
	await client.create(federations, federation(west, "example", { security: { mode: "TLSOptional" } }));
	const fields = "spec.security.mode, spec.security.dialback.secretRef";
	expect(await consistent(client, east, "False FederationsDiffer")).toContain(
		`these have other settings: XmppFederation ${west}/example differs in ${fields}. Give all the same`,
	);
	expect(await consistent(client, west, "False FederationsDiffer")).toContain(`${east}/example differs in ${fields}`);

	const security = { mode: null, dialback: { secretRef: { name: "dialback" } } };
	for (const namespace of [east, west])
		await client.mergePatch(federations, namespace, "example", { spec: { security } });
	expect(await consistent(client, east, "True Same")).toContain(
		`XmppFederation ${west}/example of example.com has the same`,
	);
	expect(await consistent(client, west, "True Same")).toContain(`${east}/example`);
	await consistent(client, east, "True OnlyFederation", "other");

	await client.mergePatch(federations, west, "example", {
		spec: { security: { certificate: { secretName: "missing" } } },
	});
	expect(await consistent(client, east, "Unknown OtherNotAccepted")).toContain(`${west}/example`);
	await client.delete(federations, west, "example");
	await consistent(client, east, "True OnlyFederation");
});

/** No kubelet runs here: what gateways say, and ways to addresses, are for the cluster tests. */
test("two clusters are compared, with all that differs and nothing secret in it (R14)", async () => {
	const value = "this very secret must not be seen anywhere";
	const security = { dialback: { secretRef: { name: "dialback" } } };
	const west = testClient({}, second.kubeconfig);
	const { client: east, namespace } = await runningFederation({ security }, async (object) => {
		await testClient().create(secrets, secret(object.metadata.namespace ?? "", value));
		await testClient().create(federations, object);
	});
	await west.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
	await west.create(secrets, secret(namespace, value));
	startOperator(namespace, {}, { kubeconfig: second.kubeconfig });
	await west.create(federations, federation(namespace, "elsewhere", { security }));
	await eventually(async () => {
		const { items } = await west.list(secrets, { namespace });
		return items.some(({ metadata }) => metadata.name.startsWith("elsewhere-dialback-"));
	}, "the operator of the other cluster has made its Secrets");

	const kubeconfig = await merged({ east: inject("kubeconfig"), west: second.kubeconfig });
	const run = async (...args: readonly string[]) =>
		await xmppfed(
			[
				"diagnose",
				"example",
				"--context",
				"east",
				"--context",
				"west",
				"-n",
				namespace,
				"--server",
				"127.0.0.1:1",
				...args,
			],
			{ kubeconfig },
		);
	const checks = async () => {
		const { stdout, stderr } = await run("-o", "json");
		expect(stderr).toBe("");
		const [domain, ...others] = report.parse(JSON.parse(stdout)).domains;
		expect(others).toEqual([]);
		expect(domain?.federations.map(({ cluster, name }) => `${cluster} ${name}`)).toEqual([
			"east example",
			"west elsewhere",
		]);
		return new Map(domain?.checks.map(({ check, verdict, finding }) => [check, `${verdict} ${finding}`]));
	};
	const alike = await checks();
	for (const check of [
		"Dialback secret",
		"Trusted authorities",
		"Security",
		"Policy",
		"Aliases",
		"Limits",
		"Domains",
	]) {
		expect([check, alike.get(check)]).toEqual([check, "OK the same in 2 federations"]);
	}
	expect(alike.get("Gateway version")).toMatch(/^OK the same everywhere: gateway:1$/);

	await west.mergePatch(federations, namespace, "elsewhere", {
		spec: { security: { mode: "TLSOptional", dialback: { secretRef: null } }, limits: { idleSeconds: 600 } },
	});
	await eventually(async () => {
		const differing = await checks();
		return differing.get("Dialback secret")?.startsWith("Problem ");
	}, "the secret that the other operator makes is another one");
	const differing = await checks();
	const [a, b] = [`east: ${namespace}/example`, `west: ${namespace}/elsewhere`];
	expect(differing.get("Security")).toBe(`Difference spec.security.mode is TLSRequired in ${a}, TLSOptional in ${b}`);
	expect(differing.get("Limits")).toBe(`Difference spec.limits.idleSeconds is not set in ${a}, 600 in ${b}`);
	expect(differing.get("Policy")).toBe("OK the same in 2 federations");

	const forms = await Promise.all([run(), run("-o", "yaml"), run("-o", "html")]);
	for (const { code, stdout, stderr } of forms) {
		expect(code).toBe(2);
		expect(stdout).toContain("spec.security.mode is TLSRequired in");
		for (const text of [stdout, stderr]) {
			expect(text).not.toContain(value);
			expect(text).not.toContain(Buffer.from(value).toString("base64"));
		}
	}
	expect(forms[2]?.stdout).toMatch(/^<!doctype html>/);

	// Who may see federations and no Secret is told so, and the rest is there.
	const inNamespace = `--namespace=${namespace}`;
	await kubectl([inNamespace, "create", "serviceaccount", "reader"]);
	await kubectl([
		inNamespace,
		"create",
		"rolebinding",
		"reader",
		"--clusterrole=view",
		`--serviceaccount=${namespace}:reader`,
	]);
	await kubectl([
		inNamespace,
		"create",
		"role",
		"reader",
		"--verb=get,list",
		"--resource=xmppfederations.xmppfed.dev,federationpolicies.xmppfed.dev,chatnodealiases.xmppfed.dev,pods,configmaps,deployments.apps",
	]);
	await kubectl([
		inNamespace,
		"create",
		"rolebinding",
		"reader-2",
		"--role=reader",
		`--serviceaccount=${namespace}:reader`,
	]);
	const asReader = await xmppfed(["diagnose", "-n", namespace, "-o", "json"], {
		kubeconfig: await kubeconfigOf(namespace, "reader"),
	});
	const seen = report.parse(JSON.parse(asReader.stdout)).domains[0]?.checks ?? [];
	expect(
		seen
			.filter(({ verdict }) => verdict === "Unknown")
			.map(({ finding }) => finding)
			.join("\n"),
	).toMatch(/dialback secret: you may not get secrets in namespace/);
	expect(seen.some(({ check, verdict }) => check === "Settings" && verdict === "OK")).toBe(true);
	await east.delete(federations, namespace, "example");
});

test("what diagnose cannot do", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const refused = [
		[["example", "-n", namespace], 'error: there is no XmppFederation "example" where you look\nThere is none at all.'],
		[["-o", "pdf"], 'error: -o takes text, json, yaml or html, not "pdf"\nSee: kubectl xmppfed diagnose --help'],
		[["--server", "ns.example"], 'error: --server takes an address such as 192.0.2.53, not "ns.example"'],
		[["--context", "test", "--context", "nowhere"], 'the kubeconfig has no context "nowhere"; it has: test'],
	] as const;
	const answers = await Promise.all(refused.map(async ([args]) => await xmppfed(["diagnose", ...args])));
	for (const [index, [, message]] of refused.entries()) {
		expect(answers[index]).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
	}
	const none = await xmppfed(["diagnose", "-n", namespace]);
	expect(none.code).toBe(0);
	expect(none.stdout).toContain("No XmppFederation is there to look at.");
	const unreachable = (await readFile(inject("kubeconfig"), "utf8")).replace(
		/https:\/\/127\.0\.0\.1:\d+/,
		"https://127.0.0.1:1",
	);
	const away = await xmppfed(["diagnose"], { kubeconfig: await temporaryKubeconfig(unreachable) });
	expect(away.code).toBe(1);
	expect(away.stderr).toMatch(/^error: list xmppfederations \S+: no answer from the API server/);
});
