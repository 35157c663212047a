import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, inject, onTestFinished, test } from "vitest";
import { parse, stringify } from "yaml";
import { bundleOperator } from "../../../deploy/build.ts";
import { root } from "../../../deploy/generate.ts";
import { run } from "../../../deploy/lib/commands.ts";
import { ensureTools } from "../../../deploy/toolchain/tools.ts";
import { chatNodeAliasResource } from "../../../src/api/chat-node-alias.ts";
import { federationPolicyResource } from "../../../src/api/federation-policy.ts";
import type { KubernetesClient } from "../../../src/kubernetes/client.ts";
import type { KubernetesObject } from "../../../src/kubernetes/object.ts";
import { deployments, pods, services } from "../../../src/kubernetes/resources.ts";
import { OperatorProcess } from "../../lib/operator-process.ts";
import { allPages } from "../../lib/pages.ts";
import { type ShownCommand, shownCommands } from "../../lib/shown-commands.ts";
import { startControlPlane, startProcess } from "../control-plane.ts";
import { customResourceDefinitions, established } from "../crds.ts";
import { federations, ownedObjects } from "../operator-support.ts";
import { playCluster, podsByNode } from "../played-cluster.ts";
import { PlayedGateways } from "../played-gateways.ts";
import { eventually, rawObject, testClient } from "../support.ts";
import { ArgoCd, applications, home } from "./argo-cd.ts";

/** Of the samples in deploy/argocd. */
const namespace = "chat";
const name = "example";
const federation = { namespace, name };
const page = (await allPages()).get("docs/argocd.md");
const shown = (page?.blocks ?? []).flatMap(shownCommands);
const apps = { root: "xmpp", operator: "xmpp-federation-operator", federations: "xmpp-federations" };
/** Milliseconds for what takes several processes, and long enough for whatever Argo CD or the operator would still do. */
const patience = 180_000;
const quiet = 20_000;

/** How Argo CD applies and compares: with its own three-way merge, or as the API server does it. */
const ways = {
	"client-side": { syncOptions: [], annotations: {} },
	"server-side": {
		syncOptions: ["ServerSideApply=true"],
		annotations: { "argocd.argoproj.io/compare-options": "ServerSideDiff=true" },
	},
};

test.each(Object.entries(ways))(
	"Argo CD syncs operator and federation, %s",
	{ timeout: 1_200_000 },
	async (_way, way) => {
		const directory = await mkdtemp(join(tmpdir(), "xmppfed-argocd-"));
		onTestFinished(async () => await rm(directory, { recursive: true }));
		const repository = await Repository.create(join(directory, "repository"), way);
		const bundle = join(directory, "operator.mjs");
		await bundleOperator(bundle);

		// A control plane of its own: the chart brings the definitions, and with them gone all is gone.
		const controlPlane = await startControlPlane(inject("binaries"));
		onTestFinished(async () => await controlPlane.stop());
		const { kubeconfig } = controlPlane;
		const client = testClient({}, kubeconfig);
		await startControllers(kubeconfig, directory);
		const argo = await ArgoCd.start(client, kubeconfig, directory);
		const shell = async (command: string) => await argo.shell(command, repository.path);
		await shell(plainCommand("kubectl patch"));

		// What is not there: the kubelets of gateways and operator, the gateways themselves, a load balancer.
		const cluster = playCluster(client, namespace);
		await PlayedGateways.start(client, namespace, ["gw-1", "gw-2"]);

		await shell(plainCommand("kubectl apply"));
		await eventually(
			async () => await client.get(customResourceDefinitions, undefined, crd),
			"the definitions",
			patience,
		);
		await established(client, crd);
		await playOperatorPods(client);
		await using _operator = await OperatorProcess.start({ bundle, kubeconfig, log: join(directory, "operator.log") });

		// As a Service that waits for its load balancer
		await eventually(
			async () =>
				(await argo.health(apps.federations, "XmppFederation")).startsWith("Progressing A public Service has no"),
			"a federation that waits for its load balancer",
			patience,
		);
		const [before, after] = shown.filter(({ command }) => command.startsWith("kubectl get applications"));
		await printsAsShown(shell, before);
		await playLoadBalancer(client, "192.0.2.5");
		for (const app of Object.values(apps)) await settled(argo, app, "Healthy");
		await printsAsShown(shell, after);
		expect(await argo.health(apps.federations, "XmppFederation")).toMatch(
			/^Healthy All 2 nodes are ready\. But: The certi/,
		);
		expect(await argo.health(apps.federations, "FederationPolicy")).toBe("Healthy All 2 nodes enforce it.");
		expect(await argo.health(apps.federations, "ChatNodeAlias")).toMatch(
			/^Healthy All 2 nodes know rooms\.example\.com/,
		);

		// Nobody finds a difference, and nobody writes what the other has written.
		for (const app of Object.values(apps)) {
			await argo.refresh(app);
			expect(await argo.differences(app)).toEqual([]);
		}
		const synced = await operations(argo);
		await playLoadBalancer(client, "192.0.2.6");
		await eventually(async () => {
			const { status } = (await client.get(federations, namespace, name)) ?? {};
			return JSON.stringify(status).includes("192.0.2.6");
		}, "a new status");
		await sleep(quiet);
		expect(await operations(argo)).toEqual(synced);
		for (const app of Object.values(apps)) await settled(argo, app, "Healthy");
		const { metadata } = await stored(client);
		expect(metadata.generation).toBe(1);
		expect(Object.keys(metadata.annotations ?? {}).filter((key) => key.startsWith("xmppfed.dev/"))).toEqual([]);
		expect(await managersOfSpec(kubeconfig)).toEqual(new Set(["argocd-controller"]));

		// Somebody changes it by hand, and Argo CD changes it back.
		await client.mergePatch(federations, namespace, name, { spec: { upstream: { host: "elsewhere.chat.svc" } } });
		await eventually(
			async () => JSON.stringify((await stored(client)).spec["upstream"]) === '{"host":"xmpp.chat.svc"}',
			"the change to be taken back",
			patience,
		);
		await settled(argo, apps.federations, "Healthy");

		// Actions, by the command line and as the user interface runs them
		expect(await argo.offers(apps.federations, federation)).toEqual(["pause", "restart", "restart-node"]);
		await printsAsShown(
			shell,
			shown.find(({ command }) => command.startsWith("argocd app actions list")),
		);
		await shell(`argocd app actions run ${apps.federations} pause --kind XmppFederation`);
		await settled(argo, apps.federations, "Suspended");
		expect(await argo.offers(apps.federations, federation)).toEqual(["restart", "restart-node", "resume"]);
		const running = podsByNode(cluster);
		await repository.change("federation.yaml", (resource) => {
			resource.spec["limits"] = { stanzaBytes: 200_000 };
		});
		await argo.refresh(apps.federations);
		await eventually(
			async () =>
				(await argo.health(apps.federations, "XmppFederation")).startsWith(
					"Suspended gw-1 Pending (waits because the annotation xmppfed.dev/paused is set)",
				),
			"nodes that wait",
			patience,
		);
		// Policy and alias are told that they wait for the same.
		await settled(argo, apps.federations, "Suspended");
		expect(podsByNode(cluster)).toEqual(running);
		await argo.act(apps.federations, federation, "resume");
		await settled(argo, apps.federations, "Healthy");
		expect(podsByNode(cluster)).toEqual(more(running, "gw-1", "gw-2"));

		const resumed = podsByNode(cluster);
		await argo.act(apps.federations, federation, "restart-node", { node: "gw-2" });
		await eventually(() => podsByNode(cluster)["gw-2"] === (resumed["gw-2"] ?? 0) + 1, "a restart of gw-2");
		await settled(argo, apps.federations, "Healthy");
		expect(podsByNode(cluster)).toEqual(more(resumed, "gw-2"));
		await expect(argo.act(apps.federations, federation, "restart-node", { node: "gw-3" })).rejects.toThrow(
			'there is no node \\"gw-3\\" in spec.nodes. There are: gw-1, gw-2',
		);

		const restarted = podsByNode(cluster);
		// Requests are told apart by their second.
		await sleep(1_000);
		await argo.act(apps.federations, federation, "restart");
		await eventually(
			() => JSON.stringify(podsByNode(cluster)) === JSON.stringify(more(restarted, "gw-1", "gw-2")),
			"a restart of both nodes",
			patience,
		);
		await settled(argo, apps.federations, "Healthy");
		expect(await argo.differences(apps.federations)).toEqual([]);

		// What goes from the repository goes from the cluster.
		await repository.remove("alias.yaml", "policy.yaml");
		await argo.refresh(apps.federations);
		await eventually(
			async () =>
				(await client.list(federationPolicyResource, { namespace })).items.length === 0 &&
				(await client.list(chatNodeAliasResource, { namespace })).items.length === 0,
			"policy and alias to go",
			patience,
		);
		await settled(argo, apps.federations, "Healthy");

		// And all of it with the application, but for the definitions.
		await client.delete(applications, home, apps.root);
		await eventually(
			async () => (await client.list(applications, { namespace: home })).items.length === 0,
			"the applications to go",
			patience,
		);
		expect(await client.get(federations, namespace, name)).toBeUndefined();
		await eventually(
			async () => (await ownedObjects(client, namespace, name)).length === 0,
			"all objects to go",
			patience,
		);
		await eventually(
			async () => (await client.list(pods, { namespace })).items.length === 0,
			"all pods to go",
			patience,
		);
		expect(await client.get(customResourceDefinitions, undefined, crd)).toBeDefined();
	},
);

const crd = "xmppfederations.xmppfed.dev";

/** The text of the block that begins with this. */
function plainCommand(start: string): string {
	const found = page?.blocks.find(({ text }) => text.startsWith(start));
	if (!found) throw new Error(`docs/argocd.md has no block that begins with ${start}`);
	return found.text;
}

/** In whatever order its lines are: Argo CD's own has none. */
async function printsAsShown(shell: (command: string) => Promise<string>, one: ShownCommand | undefined) {
	const lines = (text: string) => text.trim().split(/ *\n/).toSorted();
	const { command = "", printed = "" } = one ?? {};
	await expect.poll(async () => lines(await shell(command)), { timeout: patience }).toEqual(lines(printed));
}

/** Until the application is in sync, its last operation went well, and its health is what it should be. */
async function settled(argo: ArgoCd, app: string, health: string): Promise<void> {
	let last = "";
	await eventually(
		async () => {
			const { status } = await argo.application(app);
			const { phase } = status?.operationState ?? {};
			last = JSON.stringify(status);
			return status?.sync?.status === "Synced" && phase === "Succeeded" && status.health?.status === health;
		},
		`${app} to be ${health}`,
		patience,
	).catch((error: unknown) => {
		throw new Error(last, { cause: error });
	});
}

/** When each application was last synced: a sync more is another time. */
async function operations(argo: ArgoCd) {
	const started = Object.values(apps).map(
		async (app) => (await argo.application(app)).status?.operationState?.startedAt,
	);
	return await Promise.all(started);
}

async function stored(client: KubernetesClient) {
	const found = await client.get(federations, namespace, name);
	if (!found) throw new Error("the federation is gone");
	return found;
}

/** Who owns a field of the federation outside its status. */
async function managersOfSpec(kubeconfig: string): Promise<ReadonlySet<string>> {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the API server's word for it
	const { metadata } = JSON.parse(await rawObject(federations, namespace, name, kubeconfig)) as {
		metadata: { managedFields: readonly { manager: string; subresource?: string }[] };
	};
	const fields = metadata.managedFields.filter(({ subresource }) => subresource === undefined);
	return new Set(fields.map(({ manager }) => manager));
}

function more(counts: Readonly<Record<string, number>>, ...nodes: readonly string[]): Readonly<Record<string, number>> {
	return Object.fromEntries(
		Object.entries(counts).map(([node, count]) => [node, nodes.includes(node) ? count + 1 : count]),
	);
}

/** The real ones, of what Argo CD waits for: garbage collector and status of PodDisruptionBudgets. */
async function startControllers(kubeconfig: string, directory: string): Promise<void> {
	const tools = await ensureTools(["kube-controller-manager"]);
	const running = startProcess(tools["kube-controller-manager"], join(directory, "controllers.log"), [
		`--kubeconfig=${kubeconfig}`,
		"--controllers=garbage-collector-controller,disruption-controller",
		"--leader-elect=false",
		"--secure-port=0",
	]);
	onTestFinished(async () => await running.kill());
}

/** Plays the Deployment controller for the operator's Deployment: its process runs outside the cluster. */
async function playOperatorPods(client: KubernetesClient): Promise<void> {
	const [operator] = await eventually(async () => {
		const { items } = await client.list(deployments, { namespace: "xmppfed-system" });
		return items.length > 0 && items;
	}, "the operator's Deployment");
	if (!operator) throw new Error("the chart has no Deployment");
	const { replicas = 1 } = operator.spec ?? {};
	const status = {
		observedGeneration: operator.metadata.generation,
		replicas,
		updatedReplicas: replicas,
		readyReplicas: replicas,
		availableReplicas: replicas,
	};
	await client.mergePatch(deployments, "xmppfed-system", operator.metadata.name, { status }, { subresource: "status" });
}

async function playLoadBalancer(client: KubernetesClient, ip: string): Promise<void> {
	for (const { metadata, spec } of (await client.list(services, { namespace })).items) {
		if (spec?.type !== "LoadBalancer") continue;
		const status = { loadBalancer: { ingress: [{ ip }] } };
		await client.mergePatch(services, namespace, metadata.name, { status }, { subresource: "status" });
	}
}

type Manifest = KubernetesObject & { readonly spec: Record<string, unknown> };

/** A Git repository with the chart and the samples, which name it as their source. */
class Repository {
	readonly path: string;
	readonly #way: (typeof ways)[keyof typeof ways];

	static async create(path: string, way: (typeof ways)[keyof typeof ways]): Promise<Repository> {
		for (const part of ["charts", "deploy/argocd"]) await cp(join(root, part), join(path, part), { recursive: true });
		const created = new Repository(path, way);
		await created.#git("init", "--initial-branch=main");
		const directory = join(path, "deploy/argocd");
		for (const file of [
			"root.yaml",
			...(await readdir(join(directory, "applications"))).map((one) => `applications/${one}`),
		]) {
			await created.#write(join(directory, file), created.#here(await created.#read(join(directory, file))));
		}
		await created.#commit();
		return created;
	}

	private constructor(path: string, way: (typeof ways)[keyof typeof ways]) {
		this.path = path;
		this.#way = way;
	}

	async change(file: string, change: (manifest: Manifest) => void): Promise<void> {
		const path = join(this.path, "deploy/argocd/federation", file);
		const manifest = await this.#read(path);
		change(manifest);
		await this.#write(path, manifest);
		await this.#commit();
	}

	async remove(...files: readonly string[]): Promise<void> {
		for (const file of files) await rm(join(this.path, "deploy/argocd/federation", file));
		await this.#commit();
	}

	/** An application of the samples, with this repository as its source. */
	#here(manifest: Manifest): Manifest {
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an Application of this repository
		const spec = structuredClone(manifest.spec) as {
			source: { repoURL: string };
			syncPolicy: { syncOptions?: string[] };
		};
		spec.source.repoURL = `file://${this.path}`;
		spec.syncPolicy.syncOptions = [...(spec.syncPolicy.syncOptions ?? []), ...this.#way.syncOptions];
		const { annotations, ...metadata } = manifest.metadata;
		return { ...manifest, metadata: { ...metadata, annotations: { ...annotations, ...this.#way.annotations } }, spec };
	}

	async #read(path: string): Promise<Manifest> {
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a file of this repository
		return parse(await readFile(path, "utf8")) as Manifest;
	}

	async #write(path: string, manifest: Manifest): Promise<void> {
		await writeFile(path, stringify(manifest));
	}

	async #commit(): Promise<void> {
		await this.#git("add", "--all");
		await this.#git("-c", "user.name=Test", "-c", "user.email=test@example.com", "commit", "--quiet", "-m", "A change");
	}

	async #git(...args: readonly string[]): Promise<void> {
		await run(["git", "-C", this.path, ...args]);
	}
}
