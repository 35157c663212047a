import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { inject, onTestFinished } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { run } from "../../../deploy/lib/commands.ts";
import { ensurePackages } from "../../../deploy/lib/packages.ts";
import { ensureTools, toolSource } from "../../../deploy/toolchain/tools.ts";
import type { KubernetesClient } from "../../../src/kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../../../src/kubernetes/object.ts";
import { configMaps, namespaces, secrets } from "../../../src/kubernetes/resources.ts";
import { freePort } from "../../lib/free-port.ts";
import { startProcess } from "../control-plane.ts";
import { customResourceDefinitions, established } from "../crds.ts";
import { eventually } from "../support.ts";

const argoproj = { apiVersion: "argoproj.io/v1alpha1", namespaced: true } as const;
export const applications: Resource = { ...argoproj, kind: "Application", plural: "applications" };
const projects: Resource<KubernetesObject & { readonly spec: object }> = {
	...argoproj,
	kind: "AppProject",
	plural: "appprojects",
};

/** Where Argo CD's own objects are. */
export const home = "argocd";

/** ConfigMaps that Argo CD does not start without. */
const settings = [
	"argocd-cm",
	"argocd-cmd-params-cm",
	"argocd-rbac-cm",
	"argocd-gpg-keys-cm",
	"argocd-ssh-known-hosts-cm",
	"argocd-tls-certs-cm",
];

const application = z.object({
	spec: z.looseObject({}),
	status: z
		.object({
			sync: z.object({ status: z.string() }).optional(),
			health: z.object({ status: z.string() }).optional(),
			operationState: z.object({ phase: z.string(), message: z.string().optional(), startedAt: z.string() }).optional(),
			resources: z
				.array(
					z.object({
						kind: z.string(),
						name: z.string(),
						status: z.string().optional(),
						health: z.object({ status: z.string().optional(), message: z.string().optional() }).optional(),
					}),
				)
				.default([]),
			conditions: z.array(z.object({ type: z.string(), message: z.string() })).default([]),
		})
		.optional(),
});

export type Application = z.infer<typeof application>;

const managedResources = z.object({
	items: z.array(
		z.object({
			kind: z.string(),
			name: z.string(),
			/** As it is, and as a sync would make it: JSON without what Argo CD does not compare. */
			normalizedLiveState: z.string(),
			predictedLiveState: z.string(),
		}),
	),
});

/** Argo CD as processes outside the cluster: Debian's redis, repository server, application controller and API server. */
export class ArgoCd {
	readonly #client: KubernetesClient;
	readonly #url: string;
	/** Where `argocd` and `kubectl` are as on the machine of somebody who has set them up. */
	readonly #environment: Readonly<Record<string, string>>;

	/** Until the test ends. @param directory for logs and programs */
	static async start(client: KubernetesClient, kubeconfig: string, directory: string): Promise<ArgoCd> {
		await ensurePackages(["redis-server", "git"]);
		const { argocd, helm } = await ensureTools(["argocd", "helm"]);
		const bin = join(directory, "bin");
		await mkdir(bin, { recursive: true });
		await symlink(helm, join(bin, "helm"));
		await symlink(argocd, join(bin, "argocd"));
		await symlink(inject("binaries").kubectl, join(bin, "kubectl"));
		await install(client);

		const [redis, repository, api] = [await freePort(), await freePort(), await freePort()];
		const environment = {
			PATH: `${bin}:${process.env["PATH"]}`,
			HOME: directory,
			KUBECONFIG: kubeconfig,
			ARGOCD_FAKE_IN_CLUSTER: "true",
			ARGOCD_GPG_ENABLED: "false",
		};
		const begin = (name: string, program: string, ...args: readonly string[]) => {
			const env = { ...environment, ARGOCD_BINARY_NAME: name };
			const running = startProcess(program, join(directory, `${name}.log`), args, env);
			onTestFinished(async () => await running.kill());
		};
		const common = [`--redis=127.0.0.1:${redis}`];
		const clients = [
			...common,
			`--repo-server=127.0.0.1:${repository}`,
			"--repo-server-plaintext",
			`--kubeconfig=${kubeconfig}`,
			`--namespace=${home}`,
		];
		begin("redis", "redis-server", "--bind", "127.0.0.1", "--port", String(redis), "--save", "", "--appendonly", "no");
		begin(
			"argocd-repo-server",
			argocd,
			...common,
			"--disable-tls",
			"--address=127.0.0.1",
			`--port=${repository}`,
			"--metrics-address=127.0.0.1",
			`--metrics-port=${await freePort()}`,
		);
		begin(
			"argocd-application-controller",
			argocd,
			...clients,
			`--metrics-port=${await freePort()}`,
			"--app-resync=5",
			"--app-resync-jitter=0",
			"--persist-resource-health",
		);
		begin(
			"argocd-server",
			argocd,
			...clients,
			"--insecure",
			"--disable-auth",
			"--address=127.0.0.1",
			`--port=${api}`,
			"--metrics-address=127.0.0.1",
			`--metrics-port=${await freePort()}`,
		);
		const server = `127.0.0.1:${api}`;
		const connection = { ARGOCD_SERVER: server, ARGOCD_OPTS: "--plaintext", ARGOCD_AUTH_TOKEN: "none" };
		const started = new ArgoCd(client, `http://${server}/api/v1`, { ...environment, ...connection });
		await eventually(async () => (await started.#send("GET", "/applications")).ok, "Argo CD's API server", 120_000);
		return started;
	}

	private constructor(client: KubernetesClient, url: string, environment: Readonly<Record<string, string>>) {
		this.#client = client;
		this.#url = url;
		this.#environment = environment;
	}

	async application(name: string): Promise<Application> {
		return application.parse(await this.#client.get(applications, home, name));
	}

	/** Health of a resource of an application, `STATUS MESSAGE`. */
	async health(name: string, kind: string): Promise<string> {
		const { status } = await this.application(name);
		const found = status?.resources.find((resource) => resource.kind === kind)?.health;
		return `${found?.status} ${found?.message}`;
	}

	/** Has the application compared with the repository as it is now. */
	async refresh(name: string): Promise<void> {
		const annotations = { "argocd.argoproj.io/refresh": "hard" };
		await this.#client.mergePatch(applications, home, name, { metadata: { annotations } });
		await eventually(async () => {
			const { metadata } = (await this.#client.get(applications, home, name)) ?? {};
			return metadata && metadata.annotations?.["argocd.argoproj.io/refresh"] === undefined;
		}, `${name} to be compared`);
	}

	/** What a sync would change, `KIND/NAME: LIVE -> PREDICTED`. */
	async differences(name: string): Promise<readonly string[]> {
		const response = await this.#send("GET", `/applications/${name}/managed-resources`);
		const { items } = managedResources.parse(await response.json());
		return items.flatMap(({ kind, name: resource, normalizedLiveState, predictedLiveState }) =>
			normalizedLiveState === predictedLiveState
				? []
				: [`${kind}/${resource}: ${normalizedLiveState} -> ${predictedLiveState}`],
		);
	}

	/** The actions that Argo CD offers for a federation, those that are disabled left out. */
	async offers(name: string, federation: Federation): Promise<readonly string[]> {
		const query = new URLSearchParams(target(federation));
		const response = await this.#send("GET", `/applications/${name}/resource/actions?${query.toString()}`);
		const { actions } = offered.parse(await response.json());
		return actions.flatMap((action) => (action.disabled ? [] : [action.name])).toSorted();
	}

	/** Runs a command line. @returns what it prints */
	async shell(commands: string, directory: string): Promise<string> {
		return (await run(["sh", "-euc", commands], { cwd: directory, env: this.#environment })).stdout;
	}

	/** Runs an action on a federation as the user interface does. */
	async act(name: string, federation: Federation, action: string, parameters: Record<string, string> = {}) {
		const resourceActionParameters = Object.entries(parameters).map(([key, value]) => ({ name: key, value }));
		const body = { ...target(federation), action, resourceActionParameters };
		const response = await this.#send("POST", `/applications/${name}/resource/actions/v2`, body);
		if (!response.ok) throw new Error(await response.text());
	}

	async #send(method: string, path: string, body?: unknown): Promise<Response> {
		return await fetch(`${this.#url}${path}`, {
			method,
			...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
		});
	}
}

const offered = z.object({
	actions: z.array(z.object({ name: z.string(), disabled: z.boolean().default(false) })).default([]),
});

export interface Federation {
	readonly namespace: string;
	readonly name: string;
}

function target({ namespace, name }: Federation) {
	return { namespace, resourceName: name, group: "xmppfed.dev", version: "v1alpha1", kind: "XmppFederation" };
}

/** What an installation of Argo CD has in the cluster, as far as these processes need it. */
async function install(client: KubernetesClient): Promise<void> {
	const manifests = join(await toolSource("argocd"), "manifests/crds");
	for (const name of ["application", "applicationset", "appproject"]) {
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a definition of Argo CD
		const crd = parse(await readFile(join(manifests, `${name}-crd.yaml`), "utf8")) as KubernetesObject;
		await client.apply(customResourceDefinitions, crd, { force: true });
		await established(client, crd.metadata.name);
	}
	const labels = { "app.kubernetes.io/part-of": "argocd" };
	await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: home } });
	for (const name of settings) {
		await client.create(configMaps, {
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { name, namespace: home, labels },
		});
	}
	const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "argocd-secret", namespace: home, labels } };
	await client.create(secrets, { ...secret, data: { "server.secretkey": btoa("protects nothing") } });
	const everything = { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }] };
	const project = {
		apiVersion: projects.apiVersion,
		kind: projects.kind,
		metadata: { name: "default", namespace: home },
	};
	await client.create(projects, {
		...project,
		spec: { ...everything, clusterResourceWhitelist: [{ group: "*", kind: "*" }] },
	});
}
