import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { buildKubectlPlugin, kubectlPlugin } from "../../deploy/build.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../src/kubernetes/connection.ts";
import {
	kubectlWithPlugin,
	kubectlXmppfed,
	onTerminal,
	runningFederation,
	startXmppfed,
	xmppfed,
} from "./cli-support.ts";
import { startControlPlane } from "./control-plane.ts";
import { federation, federations } from "./operator-support.ts";
import { eventually, freshNamespace, temporaryKubeconfig, testClient } from "./support.ts";

beforeAll(async () => void (await buildKubectlPlugin()));

const annotation = async (client: KubernetesClient, namespace: string, name: string) =>
	(await client.get(federations, namespace, "example"))?.metadata.annotations?.[name];

describe("status", () => {
	test("shows all of a federation, through kubectl itself", async () => {
		const { namespace } = await runningFederation({ service: { type: "ClusterIP", hostname: "xmpp.example.com" } });
		const { code, stdout, stderr } = await kubectlXmppfed(["status", "example", "-n", namespace]);
		expect(stderr).toBe("");
		expect(code).toBe(0);
		expect(stdout).toContain(`Federation: example (namespace ${namespace})`);
		expect(stdout).toMatch(/^Ready: +True AllNodesReady: All 2 nodes are ready\.$/m);
		expect(stdout).toMatch(/^gw-1 +Enabled +True +Current +AsIntended +[0-9a-f]{10}$/m);
		expect(stdout).toMatch(/^Progressing +False +Complete +\S+Z +Every node runs what the resource asks for\.$/m);
		expect(stdout).toMatch(/^Internal +10\.96\.\d+\.\d+ +5269 +example-internal-\w+$/m);
		expect(stdout).toMatch(/^_xmpp-server\._tcp\.example\.com\. +SRV +0 0 5269 xmpp\.example\.com\.$/m);
		// Not a terminal: no colours.
		expect(stdout).not.toContain("\u001B");
	});

	test("lists federations, those that no operator has seen too, and gives them as JSON", async () => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		for (const name of ["one", "two"]) await client.create(federations, federation(namespace, name));
		const list = await xmppfed(["status", `-n=${namespace}`]);
		expect(list.stdout).toBe(
			"NAME  DOMAIN       NODES  ENABLED  READY    REASON             ROLL-OUT\n" +
				"one   example.com  -      -        Unknown  NotSeenByOperator  -\n" +
				"two   example.com  -      -        Unknown  NotSeenByOperator  -\n",
		);
		const all = await xmppfed(["status", "-A"]);
		expect(all.stdout).toMatch(new RegExp(`^NAMESPACE +NAME .*\n(.*\n)*${namespace} +one `));
		const json: { kind: string; items: { metadata: { name: string; managedFields?: unknown } }[] } = JSON.parse(
			(await xmppfed(["status", "-n", namespace, "-o", "json"])).stdout,
		);
		expect(json.kind).toBe("List");
		expect(json.items.map(({ metadata }) => [metadata.name, metadata.managedFields])).toEqual([
			["one", undefined],
			["two", undefined],
		]);
		const one: unknown = JSON.parse((await xmppfed(["status", "one", "-n", namespace, "-o", "json"])).stdout);
		expect(one).toMatchObject({ kind: "XmppFederation", metadata: { name: "one" }, spec: { domain: "example.com" } });
	});

	test("colours terminals, but not against NO_COLOR", async () => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		await client.create(federations, federation(namespace, "example"));
		const args = ["status", "-n", namespace];
		expect(await onTerminal(args)).toContain("\u001B[33mUnknown\u001B[39m");
		expect(await onTerminal(args, { NO_COLOR: "1" })).toMatch(/example .* Unknown +NotSeenByOperator/);
	});

	test("goes on to show what changes", async () => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		await client.create(federations, federation(namespace, "example"));
		const watching = startXmppfed(["status", "example", "--watch", "-n", namespace]);
		await eventually(() => watching.output.stdout.includes("Federation: example"), "it shows the federation");
		await client.mergePatch(federations, namespace, "example", {
			metadata: { annotations: { "xmppfed.dev/paused": "true" } },
		});
		await eventually(() => watching.output.stdout.includes("Paused:"), "it shows that it is paused");
		await client.delete(federations, namespace, "example");
		expect(await watching.ended).toBe(0);
		expect(watching.output.stderr).toBe("the XmppFederation example was deleted\n");
	});
});

describe("restart, pause and resume", () => {
	test("set annotations that keep what is in a file alone", async () => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		const declared = federation(namespace, "example");
		const argo = client.with({ fieldManager: "argocd-controller" });
		await argo.apply(federations, declared, { force: false });

		const before = Date.now();
		const all = await xmppfed(["restart", "example", "-n", namespace]);
		expect(all).toMatchObject({ code: 0, stderr: "" });
		expect(all.stdout).toContain("example: asked for a restart of its 2 nodes, one after the other\n");
		const asked = Date.parse((await annotation(client, namespace, "xmppfed.dev/restart")) ?? "");
		expect(asked).toBeGreaterThanOrEqual(before);
		expect(asked).toBeLessThanOrEqual(Date.now());

		// What was asked before may not have been carried out yet.
		const time = "\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z";
		for (const node of ["gw-2", "gw-1", "gw-2"]) await xmppfed(["restart", "example", node, "-n", namespace]);
		const pattern = new RegExp(`^${time},gw-1@${time},gw-2@${time}$`);
		expect(await annotation(client, namespace, "xmppfed.dev/restart")).toMatch(pattern);

		expect(await xmppfed(["pause", "example", "-n", namespace])).toMatchObject({ code: 0, stderr: "" });
		expect(await annotation(client, namespace, "xmppfed.dev/paused")).toBe("true");
		expect((await xmppfed(["pause", "example", "-n", namespace])).stdout).toContain("is paused already");
		expect((await xmppfed(["restart", "example", "-n", namespace])).stderr).toContain("example is paused");

		// What applies from a file sees no conflict and takes nothing back.
		await argo.apply(federations, declared, { force: false });
		expect(await annotation(client, namespace, "xmppfed.dev/paused")).toBe("true");

		expect(await xmppfed(["resume", "example", "-n", namespace])).toMatchObject({ code: 0, stderr: "" });
		expect(await annotation(client, namespace, "xmppfed.dev/paused")).toBeUndefined();
		expect((await xmppfed(["resume", "example", "-n", namespace])).stdout).toContain("is not paused");
	});

	test.each(["argocd-controller", "kubectl apply"])("leave alone what %s has in its file", async (owner) => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		const declared = federation(namespace, "example");
		const annotations = { "xmppfed.dev/paused": "true" };
		const object = { ...declared, metadata: { ...declared.metadata, annotations } };
		if (owner === "kubectl apply") {
			const text = JSON.stringify(object);
			const last = { "kubectl.kubernetes.io/last-applied-configuration": text };
			await client.create(federations, {
				...object,
				metadata: { ...object.metadata, annotations: { ...annotations, ...last } },
			});
		} else {
			await client.with({ fieldManager: owner }).apply(federations, object, { force: false });
		}
		const { code, stderr } = await xmppfed(["resume", "example", "-n", namespace]);
		expect(code).toBe(1);
		expect(stderr).toContain(`xmppfed.dev/paused of example stands in what ${owner} applies`);
		expect(await annotation(client, namespace, "xmppfed.dev/paused")).toBe("true");
	});

	test("refuse a node that is not there before anything is written", async () => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		const made = await client.create(federations, federation(namespace, "example"));
		const { code, stderr } = await xmppfed(["restart", "example", "gw-9", "-n", namespace]);
		expect(code).toBe(1);
		expect(stderr).toBe('error: the XmppFederation example has no node "gw-9"\nThere are: gw-1, gw-2\n');
		const now = await client.get(federations, namespace, "example");
		expect(now?.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
	});
});

describe("what is wrong is said in words", () => {
	test.each<[string, readonly string[], string]>([
		["a command", ["stauts"], 'error: there is no command "stauts"; there are: '],
		["an option", ["status", "--frob"], "error: Unknown option '--frob'\nSee: kubectl xmppfed status --help\n"],
		["too many names", ["pause", "a", "b"], "error: pause takes NAME; too many: b\n"],
		["a missing name", ["restart"], "error: NAME is missing\n"],
		["an output", ["status", "-o", "xml"], 'error: -o takes json or yaml, not "xml"\n'],
		["a context", ["status", "--context", "prod"], 'has no context "prod"; it has: test'],
		["a kubeconfig", ["status", "--kubeconfig", "/nowhere"], "error: no cluster to talk to: "],
	])("%s", async (_what, args, words) => {
		const { code, stdout, stderr } = await xmppfed(args);
		expect(code).toBe(1);
		expect(stdout).toBe("");
		expect(stderr).toContain(words);
		expect(stderr).not.toMatch(/^\s+at /m);
	});

	test("a federation that is not there: those that are", async () => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		const none = await xmppfed(["status", "exmaple", "-n", namespace]);
		expect(none.stderr).toContain(
			`there is no XmppFederation "exmaple" in namespace ${namespace}\nThere is none there.`,
		);
		await client.create(federations, federation(namespace, "example"));
		const one = await xmppfed(["pause", "exmaple", "-n", namespace]);
		expect(one.code).toBe(1);
		expect(one.stderr).toContain("There are: example\n");
	});

	test("rights that are missing: verb and resource", async () => {
		const config: { users: { user: object }[] } = JSON.parse(await readFile(inject("kubeconfig"), "utf8"));
		const nobody = { ...config, users: config.users.map((user) => ({ ...user, user: {} })) };
		const kubeconfig = await temporaryKubeconfig(JSON.stringify(nobody));
		const { code, stderr } = await xmppfed(["status", "-n", "default"], { kubeconfig });
		expect(code).toBe(1);
		expect(stderr).toContain("error: you may not list xmppfederations in namespace default: ");
	});

	test("an API server that is not there", async () => {
		const { server } = loadKubeConfig({ kubeconfig: inject("kubeconfig") }).getCurrentCluster() ?? {};
		const text = (await readFile(inject("kubeconfig"), "utf8")).replace(String(server), "https://127.0.0.1:1");
		const { code, stderr } = await xmppfed(["status"], { kubeconfig: await temporaryKubeconfig(text) });
		expect(code).toBe(1);
		expect(stderr).toMatch(/^error: list xmppfederations \S+: no answer from the API server: .*ECONNREFUSED/);
	});
});

test("a cluster without the operator's CRDs: how to install them", async () => {
	const controlPlane = await startControlPlane(inject("binaries"));
	onTestFinished(async () => await controlPlane.stop());
	const { code, stderr } = await xmppfed(["status", "example"], { kubeconfig: controlPlane.kubeconfig });
	expect(code).toBe(1);
	expect(stderr).toBe(
		"error: this cluster does not know XmppFederation: the operator's CRDs are not installed\n" +
			"Install them from the operator's sources: kubectl apply --server-side -f crds\n",
	);
});

test("help is there for the program and each command", async () => {
	const help = await kubectlXmppfed(["--help"]);
	expect(help).toMatchObject({ code: 0, stderr: "" });
	for (const command of ["plan", "status", "restart", "pause", "resume"]) {
		expect(help.stdout).toContain(`\n  ${command} `);
		const own = await xmppfed([command, "--help"]);
		expect(own.code).toBe(0);
		expect(own.stdout).toContain(`Usage: kubectl xmppfed ${command} `);
	}
});

test("command lines are completed, as a shell asks kubectl for it", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	for (const name of ["example", "exotic", "other"]) await client.create(federations, federation(namespace, name));
	const offered = async (...words: readonly string[]) =>
		(await kubectlWithPlugin(["__complete", "xmppfed", ...words])).stdout.trimEnd().split("\n");
	expect(await offered("re")).toEqual(["restart", "resume", ":4"]);
	expect(await offered("pause", "-n", namespace, "ex")).toEqual(["example", "exotic", ":4"]);
	expect(await offered("restart", "example", `--namespace=${namespace}`, "")).toEqual(["gw-1", "gw-2", ":4"]);
	expect(await offered("status", "--w")).toEqual(["--watch", ":4"]);
	expect(await offered("plan", "-f", "")).toEqual([":0"]);
	expect(await offered("pause", "--context", "nowhere", "")).toEqual([":4"]);
});

test("a Node that is too old is told so", async () => {
	// The version is a fake: this Node says that it is an older one.
	const pretend = "Object.defineProperty(process.versions, 'node', { value: '20.18.1' })";
	const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(pretend)}` };
	const { code, stderr } = await xmppfed(["status"], { env });
	expect(code).toBe(1);
	expect(stderr).toMatch(/^error: kubectl-xmppfed needs Node 22\.19 or newer, /);
	expect(kubectlPlugin).toMatch(/kubectl-xmppfed$/);
});
