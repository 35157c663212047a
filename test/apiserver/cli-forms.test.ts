import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { parse, stringify } from "yaml";
import { buildKubectlPlugin, kubectlPlugin } from "../../deploy/build.ts";
import { run } from "../../deploy/lib/commands.ts";
import { deployments } from "../../src/kubernetes/resources.ts";
import { version } from "../../src/version.ts";
import { kubectlWithPlugin, runningFederation, xmppfed } from "./cli-support.ts";
import { federation } from "./operator-support.ts";
import { freshNamespace, testClient } from "./support.ts";

beforeAll(async () => void (await buildKubectlPlugin()));

const temporaryFile = async (name: string, text: string) => {
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-forms-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	await writeFile(join(directory, name), text);
	return join(directory, name);
};

test("every command that prints data gives the same as JSON and as YAML", async () => {
	const { namespace } = await runningFederation({ service: { type: "ClusterIP", hostname: "xmpp.example.com" } });
	const file = await temporaryFile("federation.yaml", stringify(federation(namespace, "example")));
	for (const [args, content] of [
		[["status", "example"], { metadata: { name: "example" } }],
		[["status"], { kind: "List" }],
		[["peers", "example"], { nodes: [{ node: "gw-1" }, { node: "gw-2" }] }],
		[["dns", "show"], [{ federation: "example", type: "SRV" }]],
		[["dns", "check", "example.com", "--server", "127.0.0.1:1"], { domain: "example.com" }],
		[["firewall"], [{ federation: "example" }]],
		[["policy", "test", "partner.example"], { domain: "partner.example" }],
		[["plan", "-f", file], { restarts: false }],
		[["version"], { client: version }],
	] as const) {
		const where = args[0] === "dns" && args[1] === "check" ? [] : ["-n", namespace];
		const [json, yaml] = await Promise.all([
			xmppfed([...args, "-o", "json", ...where]),
			xmppfed([...args, "-o=yaml", ...where]),
		]);
		expect({ args, data: parse(yaml.stdout) as unknown }).toEqual({ args, data: JSON.parse(json.stdout) as unknown });
		expect({ args, data: JSON.parse(json.stdout) as unknown }).toMatchObject({ data: content });
		expect(yaml.code).toBe(json.code);
	}
});

test("version tells of this program and of the operators", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const labels = {
		"app.kubernetes.io/name": "xmpp-federation-operator",
		"app.kubernetes.io/component": "operator",
	};
	const containers = [{ name: "operator", image: "registry.example/operator:7" }];
	await client.create(deployments, {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: "operator", namespace, labels },
		spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
	});
	onTestFinished(async () => void (await client.delete(deployments, namespace, "operator")));
	const all = await xmppfed(["version"]);
	expect(all.stdout).toContain(`kubectl-xmppfed ${version}\n`);
	expect(all.stdout).toMatch(new RegExp(`^${namespace} +registry\\.example/operator:7$`, "m"));
	const nowhere = await xmppfed(["version", "--context", "nowhere"]);
	expect(nowhere).toMatchObject({ code: 0 });
	expect(nowhere.stdout).toContain(
		'Operators are not known: no cluster to talk to: the kubeconfig has no context "nowhere"',
	);
	expect((await xmppfed(["version", "--client"])).stdout).toBe(`kubectl-xmppfed ${version}\n`);
});

test("bash completes the program by what it says itself; kubectl by the file beside it", async () => {
	const { stdout: script } = await xmppfed(["completion", "bash"]);
	const file = await temporaryFile("completion.bash", script);
	const complete = async (...words: readonly string[]) => {
		const list = ["kubectl-xmppfed", ...words].map((word) => `'${word}'`).join(" ");
		const typed = `. ${file}; COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _kubectl_xmppfed; printf '%s\\n' "\${COMPREPLY[@]}"`;
		const path = [dirname(kubectlPlugin), dirname(process.execPath), process.env["PATH"]].join(":");
		return (await run(["bash", "-c", typed], { env: { PATH: path } })).stdout.trim().split("\n");
	};
	expect(await complete("re")).toEqual(["restart", "resume"]);
	expect(await complete("completion", "")).toEqual(["bash", "zsh", "fish", "kubectl"]);
	expect(await complete("status", "--nothing")).toEqual([""]);
	for (const [shell, words] of [
		["zsh", "compdef _kubectl_xmppfed kubectl-xmppfed"],
		["fish", "complete --command kubectl-xmppfed"],
		["kubectl", '#!/bin/sh\nexec kubectl-xmppfed __complete "$@"\n'],
	] as const) {
		expect((await xmppfed(["completion", shell])).stdout).toContain(words);
	}
	const refused = await xmppfed(["completion", "tcsh"]);
	expect(refused.stderr).toContain('error: SHELL takes bash, zsh, fish or kubectl, not "tcsh"');
	const contexts = await kubectlWithPlugin(["__complete", "xmppfed", "status", "--context", ""]);
	expect(contexts.stdout).toBe("test\n:4\n");
});
