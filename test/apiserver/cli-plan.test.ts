import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { buildKubectlPlugin } from "../../deploy/build.ts";
import type { RestartPlan } from "../../src/cli/restart-plan.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { kubectl, kubectlXmppfed, type RunOptions, runningFederation, xmppfed } from "./cli-support.ts";
import { federation, federations } from "./operator-support.ts";
import { eventually, freshNamespace, temporaryKubeconfig, testClient } from "./support.ts";

beforeAll(async () => void (await buildKubectlPlugin()));

type Spec = Record<string, unknown>;

const file = (namespace: string, spec: Spec = {}, annotations: Record<string, string> = {}) => {
	const object = federation(namespace, "example", spec);
	return stringify({ ...object, metadata: { ...object.metadata, annotations } });
};

const inWords = ({ action, node }: RestartPlan["steps"][number]) => `${action} ${node}`;

interface PlanOutput {
	readonly restarts: boolean;
	readonly federations: readonly RestartPlan[];
	readonly ignored: readonly string[];
}

async function planned(input: string, options: RunOptions = {}) {
	const { code, stdout, stderr } = await xmppfed(["plan", "-f", "-", "-o", "json"], { input, ...options });
	const output: PlanOutput = JSON.parse(stdout || '{"federations":[]}');
	return { code, stderr, output, plan: output.federations[0] };
}

const gw = (name: string, more: Spec = {}) => ({ name, federation: "Enabled", ...more });
const both = [gw("gw-1"), gw("gw-2")];

/** What is changed, the new fields of spec, steps of the plan in order. */
const changes: readonly (readonly [string, Spec, readonly string[]])[] = [
	["nothing", {}, []],
	["an upstream", { nodes: [gw("gw-1"), gw("gw-2", { upstream: { host: "b.chat.svc" } })] }, ["Restart gw-2"]],
	["a node is disabled", { nodes: [gw("gw-1"), { name: "gw-2" }] }, ["Restart gw-1", "Restart gw-2"]],
	["a node is removed", { nodes: [gw("gw-1")] }, ["Restart gw-1", "Remove gw-2"]],
	["the Service", { service: { type: "ClusterIP", labels: { team: "chat" } } }, []],
	["the image", { image: "registry.example/gateway:2" }, ["Restart gw-1", "Restart gw-2"]],
	// Makes another self-signed certificate.
	["the domains", { additionalDomains: ["more.example.com"] }, ["Restart gw-1", "Restart gw-2"]],
	// The last one: the node is made in spite of the pause.
	["a node is added", { nodes: [...both, gw("gw-3")] }, ["Create gw-3", "Restart gw-1", "Restart gw-2"]],
];
const removal = changes.filter(([what]) => what === "a node is removed");

test.each([
	["kubectl apply", [], changes],
	["kubectl apply --server-side", ["--server-side"], removal],
])(
	"%s: a plan tells what the operator then tells, and writes nothing",
	async (_how, flags, cases) => {
		// Paused, so that each change starts from the same nodes.
		const paused = { "xmppfed.dev/paused": "true" };
		const apply = async (input: string) => {
			const { code, stderr } = await kubectl(["apply", ...flags, "-f", "-"], { input });
			expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
		};
		const { client, namespace } = await runningFederation({}, async (object) => await apply(stringify(object)));
		await apply(file(namespace, {}, paused));
		for (const [what, spec, steps] of cases) {
			const generation = async () => (await client.get(federations, namespace, "example"))?.metadata.generation;
			await causesToldBy(client, namespace);
			const before = await generation();
			const { code, stderr, plan } = await planned(file(namespace, spec, paused));
			const found = { what, stderr, code, generation: await generation(), steps: plan?.steps.map(inWords) };
			const restarts = steps.some((step) => !step.startsWith("Create"));
			expect(found).toEqual({ what, stderr: "", code: restarts ? 2 : 0, generation: before, steps });

			await apply(file(namespace, spec, paused));
			const causes = plan?.causes.map(({ due: _due, ...cause }) => cause) ?? [];
			expect({ what, causes: await causesToldBy(client, namespace) }).toEqual({ what, causes });
			await apply(file(namespace, {}, paused));
		}
	},
	180_000,
);

/** The causes in status of the newest generation. */
async function causesToldBy(client: KubernetesClient, namespace: string): Promise<readonly object[]> {
	interface Told {
		readonly observedGeneration?: number;
		readonly rollout?: { readonly causes: readonly object[] };
	}
	const status = await eventually(async () => {
		const object = await client.get(federations, namespace, "example");
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the operator writes
		const told = object?.status as Told | undefined;
		return told?.observedGeneration === object?.metadata.generation && told;
	}, "the operator has seen the newest generation");
	return status.rollout?.causes ?? [];
}

test("several documents, new federations, other kinds, exit code 0", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const configMap = stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } });
	const two = ["one", "two"].map((name) => stringify(federation(namespace, name)));
	const { code, output, stderr } = await planned([...two, configMap].join("---\n"));
	expect(stderr).toBe(
		"note: only XmppFederations, FederationPolicies and ChatNodeAliases are looked at, not ConfigMap/c\n",
	);
	expect(output.ignored).toEqual(["ConfigMap/c"]);
	expect(output.federations).toMatchObject(
		["one", "two"].map((name) => ({
			name,
			exists: false,
			steps: [
				{ node: "gw-1", action: "Create" },
				{ node: "gw-2", action: "Create" },
			],
			causes: [],
		})),
	);
	expect(code).toBe(0);
	expect((await client.list(federations, { namespace })).items).toEqual([]);
});

test("text, through kubectl itself, of a file", async () => {
	const { namespace } = await runningFederation();
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-plan-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	await writeFile(join(directory, "a.yaml"), file(namespace, { nodes: [gw("gw-1"), { name: "gw-2" }] }));
	const { code, stdout, stderr } = await kubectlXmppfed(["plan", "-f", join(directory, "a.yaml")]);
	expect(stderr).toBe("");
	expect(stdout).toBe(
		`XmppFederation example (namespace ${namespace}): 2 of 2 nodes restart, one after the other\n\n` +
			"  STEP  NODE  ACTION   REASONS\n" +
			"  1     gw-1  Restart  FederationToggled\n" +
			"  2     gw-2  Restart  FederationToggled\n\n" +
			"  RULE  REASON             SCOPE     NODES      CHANGE\n" +
			"  R16   FederationToggled  AllNodes  gw-1,gw-2  spec.nodes[gw-2].federation changed from Enabled to Disabled\n",
	);
	expect(code).toBe(2);
});

describe("what would be refused is told", () => {
	test.each<[string, (namespace: string) => string, string]>([
		[
			"a rule",
			(namespace) => file(namespace, { nodes: [{ name: "gw-1", published: true }] }),
			"  spec.nodes[0].published: Invalid value: ",
		],
		["a change that is not allowed", (namespace) => file(namespace, { domain: "other.example" }), "cannot be changed"],
		["a field that is not known", (namespace) => file(namespace, { nods: [] }), 'unknown field "spec.nods"'],
		["no namespace of that name", () => file("nowhere"), 'namespaces "nowhere" not found'],
	])("%s", async (_what, make, words) => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		await client.create(federations, federation(namespace, "example"));
		const { code, stderr, output } = await planned(make(namespace));
		expect(stderr).toContain("error: XmppFederation example: ");
		expect(stderr).toContain(words);
		// What is wrong, not the whole object.
		expect(stderr.length).toBeLessThan(1_000);
		expect(stderr).not.toMatch(/^\s+at /m);
		expect(code).toBe(1);
		expect(output.federations).toEqual([]);
	});

	test("fields that another one sets, where server-side apply is used", async () => {
		const client = testClient();
		const namespace = await freshNamespace(client);
		await client.with({ fieldManager: "argocd-controller" }).apply(federations, federation(namespace, "example"), {
			force: false,
		});
		await client.with({ fieldManager: "somebody" }).mergePatch(federations, namespace, "example", {
			spec: { upstream: { host: "by.hand.svc" } },
		});
		const { code, stderr } = await planned(file(namespace));
		expect(code).toBe(1);
		expect(stderr).toContain("applying example as argocd-controller would conflict with others");
		expect(stderr).toContain('.spec.upstream.host: conflict with "somebody"');
	});

	test("another namespace than that of -n", async () => {
		const { code, stderr } = await xmppfed(["plan", "-n", "b", "-f", "-"], { input: file("a") });
		expect(code).toBe(1);
		expect(stderr).toContain("the file says namespace a, and -n says b: leave one of them out");
	});
});

describe("policies", () => {
	const policy = (namespace: string, spec: Spec = {}) =>
		stringify({
			apiVersion: "xmppfed.dev/v1alpha1",
			kind: "FederationPolicy",
			metadata: { name: "partners", namespace },
			spec: { federationRef: { name: "example" }, default: "Deny", ...spec },
		});
	const lists = { exceptionsFrom: [{ configMapRef: { name: "partners" } }] };
	const configMap = (namespace: string, text: string) =>
		stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "partners", namespace }, data: { list: text } });

	test("of a file are planned for their federation, and asked about", async () => {
		const { namespace } = await runningFederation();
		const { code, stderr, plan, output } = await planned(
			`${policy(namespace, lists)}---\n${configMap(namespace, "*.partner.example\n")}`,
		);
		expect({ code, stderr, ignored: output.ignored }).toEqual({ code: 2, stderr: "", ignored: [] });
		expect(plan?.steps.map(inWords)).toEqual(["Restart gw-1", "Restart gw-2"]);
		expect(plan?.causes).toMatchObject([
			{ reason: "PolicyChanged", field: "FederationPolicy partners: spec", due: false },
		]);

		const asked = async (args: readonly string[], input = "") =>
			await xmppfed(["policy", "test", ...args, "-n", namespace], { input });
		expect((await asked(["a.example"])).stdout).toContain(
			"defaultPolicy of XmppFederation example, which has no FederationPolicy",
		);
		expect((await asked(["a.partner.example", "-f", "-"], policy(namespace, lists))).stderr).toContain(
			'ConfigMap "partners" does not exist',
		);
		await kubectl(["apply", "-f", "-"], { input: configMap(namespace, "*.partner.example\n") });
		await kubectl(["apply", "-f", "-"], { input: policy(namespace, lists) });
		const allowed = await asked(["a.partner.example", "--direction", "in"]);
		expect(allowed.code).toBe(0);
		expect(allowed.stdout).toContain("exception *.partner.example in ConfigMap partners: Allow");
		const denied = await asked(["example.net"]);
		expect(denied.code).toBe(2);
		expect(denied.stdout).toContain("FederationPolicy partners, about example.net");
	});

	test("that are not valid are named", async () => {
		const { namespace } = await runningFederation();
		const { code, stderr } = await planned(policy(namespace, { exceptions: [{ domain: "192.0.2.1" }] }));
		expect(code).toBe(1);
		expect(stderr).toContain("spec.exceptions[0].domain: must be a domain such as example.com");
	});
});

test("aliases of a file are planned for their federation, and those that would not be served are named", async () => {
	const { namespace } = await runningFederation();
	const alias = (name: string, spec: Spec) =>
		stringify({
			apiVersion: "xmppfed.dev/v1alpha1",
			kind: "ChatNodeAlias",
			metadata: { name, namespace },
			spec: { federationRef: { name: "example" }, alias: "rooms.example.com", ...spec },
		});
	const { code, stderr, plan } = await planned(
		`${alias("rooms", { node: "gw-2" })}---\n${alias("too", { node: "gw-1", alias: "ROOMS.example.com" })}`,
	);
	expect(code).toBe(2);
	expect(stderr).toBe(
		`note: ChatNodeAlias too is not served: rooms.example.com is the alias of ChatNodeAlias ${namespace}/rooms, which is ` +
			"as old and comes first by name: delete one of them.\n",
	);
	expect(plan?.steps.map(inWords)).toEqual(["Restart gw-1", "Restart gw-2"]);
	// The certificate is self-signed, and gets the name.
	expect(new Set(plan?.causes.map(({ reason }) => reason))).toEqual(new Set(["AliasChanged", "CertificateChanged"]));

	// As it is there: nothing is due.
	await kubectl(["apply", "-f", "-"], { input: alias("rooms", { node: "gw-9" }) });
	const refused = await planned(file(namespace));
	expect(refused.stderr).toContain("note: ChatNodeAlias rooms is not served: XmppFederation example has no node gw-9");
	expect(refused.plan?.steps).toEqual([]);
});

test("needs no right but to read the federation, its policies and aliases, Deployments and ConfigMaps", async () => {
	const { client, namespace } = await runningFederation();
	const config: { users: { user: object }[] } = JSON.parse(await readFile(inject("kubeconfig"), "utf8"));
	const users = config.users.map((entry) => ({ ...entry, user: { ...entry.user, as: "reader" } }));
	const kubeconfig = await temporaryKubeconfig(JSON.stringify({ ...config, users }));
	const input = file(namespace, { upstream: { host: "other.chat.svc" } });
	const forbidden = await planned(input, { kubeconfig });
	expect(forbidden.code).toBe(1);
	expect(forbidden.stderr).toContain(`you may not get xmppfederations in namespace ${namespace}: `);

	const ours = ["xmppfederations", "federationpolicies", "chatnodealiases"].map((kind) => `${kind}.xmppfed.dev`);
	const kinds = [...ours, "deployments.apps", "configmaps"];
	const rules = kinds.map((resource) => `--resource=${resource}`);
	await kubectl(["create", "role", "reader", "-n", namespace, "--verb=get,list", ...rules]);
	await kubectl(["create", "rolebinding", "reader", "-n", namespace, "--role=reader", "--user=reader"]);
	const { code, stderr, plan } = await eventually(async () => {
		const outcome = await planned(input, { kubeconfig });
		return outcome.code === 1 ? undefined : outcome;
	}, "the role is in force");
	expect(stderr).toContain("so the API server was not asked whether it takes example");
	expect(plan?.steps.map(inWords)).toEqual(["Restart gw-1", "Restart gw-2"]);
	expect(code).toBe(2);
	expect((await client.get(federations, namespace, "example"))?.metadata.generation).toBe(1);
});

test.each([
	["no file", [], "-f FILE is missing"],
	["a file that is not there", ["-f", "/nowhere.yaml"], "there is no file /nowhere.yaml"],
	["a directory", ["-f", "/tmp"], "/tmp is a directory"],
])("%s", async (_what, args, words) => {
	const { code, stderr } = await xmppfed(["plan", ...args]);
	expect(code).toBe(1);
	expect(stderr).toContain(words);
});
