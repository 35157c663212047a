import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { cacheDirectory } from "../lib/cache.ts";
import { CommandError, type CommandOptions, type CommandResult, output, run, succeeds } from "../lib/commands.ts";
import { withLock } from "../lib/lock.ts";
import { note, RemedyError, step } from "../lib/steps.ts";
import { ensureTools } from "../toolchain/tools.ts";
import { installLoadBalancers, installNetwork } from "./add-ons.ts";
import { chooseEngine } from "./engine.ts";
import { kindConfiguration } from "./kind-configuration.ts";
import { type ClusterFiles, clusterFiles, DEFAULT_NAME } from "./names.ts";
import { inNamespaces } from "./namespaces.ts";
import { ensureNodeImage, NODE_IMAGE } from "./node-image.ts";
import { connectContainers, findOwnEngine, startOwnEngine, stopOwnEngine } from "./own-engine.ts";

/** A cluster that can be used from this machine: its API server, NodePorts and LoadBalancer addresses are reachable. */
export interface Cluster {
	/** The name given at `up`; the name of the context for a cluster that was there before. */
	readonly name: string;
	/** `existing` was given by `--context`: it is neither created nor deleted here. */
	readonly engine: "docker" | "podman" | "own" | "existing";
	/** A kubeconfig file with this cluster only. */
	readonly kubeconfigPath: string;
	/** Path of a kubectl of the cluster's version. */
	readonly kubectl: string;
	/** Names of the node containers; empty for an existing cluster. */
	readonly nodes: readonly string[];
	/** Runs `kubectl --kubeconfig KUBECONFIG ARGS`. */
	runKubectl(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
	/** The command line that runs the engine (`docker` or `podman`) with the arguments. Not for an existing cluster. */
	engineCommand(args: readonly string[]): string[];
	/** The command line that runs a command on a node. Not for an existing cluster. */
	nodeCommand(node: string, command: readonly string[]): string[];
}

export interface ClusterOptions {
	/** `xmppfed` if absent. */
	readonly name?: string | undefined;
	/** Use the existing cluster of this kubeconfig context instead. */
	readonly context?: string | undefined;
	readonly signal?: AbortSignal | undefined;
}

const recordShape = z.object({
	engine: z.enum(["docker", "podman", "own"]),
	/** False while the cluster is being made. */
	complete: z.boolean(),
	nodes: z.array(z.string()),
});
type ClusterRecord = z.infer<typeof recordShape>;

/**
 * The cluster of a name, created where it is not there: one control plane and two workers, LoadBalancer Services,
 * local-path volumes. A complete cluster that answers is used as it is; whatever else has its name is replaced.
 */
export async function clusterUp(options: ClusterOptions = {}): Promise<Cluster> {
	const { signal } = options;
	if (options.context !== undefined) return await existingCluster(options.context, signal);
	const name = options.name ?? DEFAULT_NAME;
	const files = clusterFiles(name);
	return await withLock(lockOf(name), signal, async () => {
		const running = await runningCluster(name, files, signal);
		if (running) {
			note(`✓ cluster ${name} is up`);
			return running;
		}
		return await step(`creating cluster ${name}`, () => createCluster(name, files, signal));
	});
}

/** Removes the cluster of a name with everything that was made for it, but not the cache. */
export async function clusterDown(options: Omit<ClusterOptions, "context"> = {}): Promise<void> {
	const { signal } = options;
	const name = options.name ?? DEFAULT_NAME;
	const files = clusterFiles(name);
	await withLock(lockOf(name), signal, () =>
		step(`removing cluster ${name}`, () => removeCluster(name, files, signal)),
	);
}

/** The running cluster of a name; undefined where there is none, where it is not complete, or does not answer. */
export async function findCluster(options: ClusterOptions = {}): Promise<Cluster | undefined> {
	const { signal } = options;
	if (options.context !== undefined) return await existingCluster(options.context, signal);
	const name = options.name ?? DEFAULT_NAME;
	return await runningCluster(name, clusterFiles(name), signal);
}

function lockOf(name: string): string {
	return join(cacheDirectory(), "locks", `cluster-${name}`);
}

async function runningCluster(
	name: string,
	files: ClusterFiles,
	signal: AbortSignal | undefined,
): Promise<Cluster | undefined> {
	const record = await readRecord(files);
	if (!record?.complete) return undefined;
	const cluster = await clusterOf(name, files, record, signal);
	if (!cluster) return undefined;
	// A machine that is busy or was asleep may need a moment.
	for (let attempt = 0; attempt < 5; attempt++) {
		const ask = cluster.runKubectl(["get", "--raw", "/readyz", "--request-timeout=5s"], { signal });
		if (await ask.then(() => true).catch(ignoreCommandError)) return cluster;
		await sleep(1_000, undefined, { signal });
	}
	note(`cluster ${name} does not answer`);
	return undefined;
}

function ignoreCommandError(error: unknown): false {
	if (error instanceof CommandError) return false;
	throw error;
}

/** Undefined also where a run was killed while it wrote the record. */
async function readRecord(files: ClusterFiles): Promise<ClusterRecord | undefined> {
	try {
		return recordShape.parse(JSON.parse(await readFile(files.record, "utf8")));
	} catch {
		return undefined;
	}
}

async function writeRecord(files: ClusterFiles, record: ClusterRecord): Promise<void> {
	await writeFile(files.record, JSON.stringify(record));
}

/** Puts a cluster's handle together; undefined where its own engine does not run. */
async function clusterOf(
	name: string,
	files: ClusterFiles,
	record: ClusterRecord,
	signal: AbortSignal | undefined,
): Promise<Cluster | undefined> {
	const engine = record.engine === "own" ? await findOwnEngine(files.namespaces) : undefined;
	if (record.engine === "own" && !engine) return undefined;
	const { kubectl } = await ensureTools(["kubectl"], { signal });
	const engineCommand = (args: readonly string[]) =>
		engine ? inNamespaces(engine, ["podman", ...args]) : [record.engine, ...args];
	return {
		name,
		engine: record.engine,
		nodes: record.nodes,
		engineCommand,
		nodeCommand: (node, command) => engineCommand(["exec", "--interactive", node, ...command]),
		...kubectlOf(kubectl, files.kubeconfig),
	};
}

function kubectlOf(
	kubectl: string,
	kubeconfigPath: string,
): Pick<Cluster, "kubectl" | "kubeconfigPath" | "runKubectl"> {
	return {
		kubectl,
		kubeconfigPath,
		runKubectl: (args, options) => run([kubectl, "--kubeconfig", kubeconfigPath, ...args], options),
	};
}

async function createCluster(name: string, files: ClusterFiles, signal: AbortSignal | undefined): Promise<Cluster> {
	await removeCluster(name, files, signal);
	await rm(files.log, { force: true });
	const engine = await chooseEngine(signal);
	const { kind, kubectl } = await ensureTools(["kind", "kubectl"], { signal });
	const imageStore = engine === "own" ? await ensureNodeImage(signal) : undefined;
	if (engine !== "own") await refuseForeignCluster(name, kind, engine, signal);
	await mkdir(files.directory, { recursive: true });
	await writeRecord(files, { engine, complete: false, nodes: [] });
	await raiseLimits();
	try {
		const own = imageStore === undefined ? undefined : await startOwnEngine(files.namespaces, imageStore, signal);
		const place = (command: readonly string[]) => (own ? inNamespaces(own.namespaces, command) : command);
		const env = { KIND_EXPERIMENTAL_PROVIDER: own ? "podman" : engine, ...(own ? withoutProxies : {}) };
		await step("starting one control plane and two workers", async () => {
			const create = [kind, "create", "cluster", "--name", name, "--kubeconfig", files.kubeconfig, "--retain"];
			const image = own ? ["--image", NODE_IMAGE] : [];
			try {
				const input = kindConfiguration({ ownNodeImage: own !== undefined });
				await run(place([...create, ...image, "--config", "-"]), { env, input, log: files.log, signal });
			} catch (error) {
				if (signal?.aborted) throw error;
				throw await withNodeLogs(error, name, place([own ? "podman" : engine]), files.log);
			}
		});
		const nodes = (await output(place([kind, "get", "nodes", "--name", name]), { env, signal })).split("\n").toSorted();
		const record: ClusterRecord = { engine, complete: true, nodes };
		const cluster = await clusterOf(name, files, record, signal);
		if (!cluster) throw new Error(`the engine of cluster ${name} ended while the cluster was made; see ${files.log}`);
		if (own) {
			await connectContainers(own, signal);
			await useNodeAddress(cluster, `${name}-control-plane`, signal);
			await installNetwork(cluster, { apiServer: await apiServerOf(cluster, signal), signal });
		}
		await installLoadBalancers(cluster, { range: own?.network.loadBalancerRange, log: files.log, signal });
		await waitForNodes(cluster, signal);
		await writeRecord(files, record);
		await own?.namespaces.keep();
		note(`kubectl: ${kubectl} --kubeconfig ${files.kubeconfig}`);
		return cluster;
	} catch (error) {
		await removeCluster(name, files, undefined);
		throw error;
	}
}

/** kind hands these variables on to the nodes, but nodes in namespaces of their own reach no proxy. */
const withoutProxies = Object.fromEntries(
	["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]
		.flatMap((name) => [name, name.toLowerCase()])
		.map((name) => [name, undefined]),
);

/** A cluster of kind that someone else made under this name is neither used nor removed. */
async function refuseForeignCluster(
	name: string,
	kind: string,
	engine: string,
	signal: AbortSignal | undefined,
): Promise<void> {
	const clusters = await output([kind, "get", "clusters"], { env: { KIND_EXPERIMENTAL_PROVIDER: engine }, signal });
	if (!clusters.split("\n").includes(name)) return;
	throw new RemedyError(
		`there is a cluster "${name}" of kind already, which was not made by this command.`,
		`use it with --context kind-${name}, or choose another name with --name.`,
	);
}

/** Waits until every node is Ready and what a cluster needs runs. */
async function waitForNodes(cluster: Cluster, signal: AbortSignal | undefined): Promise<void> {
	await step("waiting for the nodes and the cluster's DNS", async () => {
		const system = ["--namespace", "kube-system"];
		const kubectl = (args: readonly string[]) => cluster.runKubectl([...args, "--timeout=180s"], { signal });
		try {
			if (cluster.engine === "own") {
				// Without it no node becomes Ready, and what is wrong with it is known sooner.
				await cluster.runKubectl([...system, "rollout", "status", "daemonset/xmppfed-test-cni", "--timeout=60s"], {
					signal,
				});
			}
			await kubectl(["wait", "--for=condition=Ready", "nodes", "--all"]);
			await kubectl([...system, "rollout", "status", "deployment/coredns"]);
			await kubectl(["--namespace", "local-path-storage", "rollout", "status", "deployment/local-path-provisioner"]);
			await kubectl(["--namespace", "metallb-system", "rollout", "status", "deployment/controller"]);
			await kubectl(["--namespace", "metallb-system", "rollout", "status", "daemonset/speaker"]);
		} catch (error) {
			if (!(error instanceof CommandError)) throw error;
			throw new RemedyError(
				`the cluster does not become ready.\n${await describeTrouble(cluster, signal)}`,
				"see that the machine has 6 GB of free memory and 10 GB of free disk, then run the command again.",
				{ cause: error },
			);
		}
	});
}

/** Nodes, pods, and the last words of the pods that are not ready. */
async function describeTrouble(cluster: Cluster, signal: AbortSignal | undefined): Promise<string> {
	const say = (...args: string[]) => cluster.runKubectl(args, { signal }).then(({ stdout }) => stdout, String);
	const parts = [await say("get", "nodes,pods", "--all-namespaces", "--output=wide")];
	const notReady =
		'{range .items[?(@.status.containerStatuses[*].ready==false)]}{.metadata.namespace} {.metadata.name}{"\\n"}{end}';
	const pods = await say("get", "pods", "--all-namespaces", `--output=jsonpath=${notReady}`);
	for (const line of pods.split("\n").filter(Boolean).slice(0, 5)) {
		const [namespace = "", pod = ""] = line.split(" ");
		parts.push(`${pod} says:`, await say("--namespace", namespace, "logs", pod, "--tail=10", "--all-containers"));
	}
	return parts.join("\n");
}

/** Writes the control plane's own address into the kubeconfig: what kind writes holds inside the namespaces only. */
async function useNodeAddress(cluster: Cluster, node: string, signal: AbortSignal | undefined): Promise<void> {
	const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
	const address = await output(cluster.engineCommand(["inspect", "--format", format, node]), { signal });
	const context = await output([cluster.kubectl, "--kubeconfig", cluster.kubeconfigPath, "config", "current-context"]);
	await cluster.runKubectl(["config", "set-cluster", context, `--server=https://${address}:6443`], { signal });
}

async function apiServerOf(cluster: Cluster, signal: AbortSignal | undefined): Promise<string> {
	const view = ["config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}"];
	return (await cluster.runKubectl(view, { signal })).stdout.trim();
}

/** Removes a cluster, whole or in parts. */
async function removeCluster(name: string, files: ClusterFiles, signal: AbortSignal | undefined): Promise<void> {
	const record = await readRecord(files);
	await stopOwnEngine(files.namespaces);
	if (record && record.engine !== "own") {
		const { kind } = await ensureTools(["kind"], { signal });
		const env = { KIND_EXPERIMENTAL_PROVIDER: record.engine };
		const command = [kind, "delete", "cluster", "--name", name, "--kubeconfig", files.kubeconfig];
		await run(command, { env, log: files.log, signal });
	}
	await rm(files.directory, { recursive: true, force: true });
}

/** Adds what the nodes' logs say of a failed start to an error. */
async function withNodeLogs(error: unknown, name: string, engine: readonly string[], log: string): Promise<unknown> {
	if (!(error instanceof CommandError)) return error;
	const units = ["journalctl", "--no-pager", "--lines=400", "--unit=kubelet", "--unit=containerd"];
	for (const node of [`${name}-control-plane`, `${name}-worker`, `${name}-worker2`]) {
		await succeeds([...engine, "logs", "--tail=40", node], { log });
		await succeeds([...engine, "exec", node, ...units], { log });
	}
	const memory = Math.round(totalmem() / 1e9);
	return new RemedyError(
		`kind could not start the cluster (${cpus().length} processors, ${memory} GB of memory).`,
		`read the end of ${log}: it has the nodes' kubelet and containerd logs. Often memory or disk is short, or the machine is slow: try again.`,
		{ cause: error },
	);
}

/** Three nodes need more inotify instances than Linux allows by default; the kubelet then fails with "too many open files". */
async function raiseLimits(): Promise<void> {
	const path = "/proc/sys/fs/inotify/max_user_instances";
	const wanted = 1024;
	if (Number(await readFile(path, "utf8")) >= wanted) return;
	try {
		await writeFile(path, String(wanted));
		note(`set fs.inotify.max_user_instances to ${wanted} until this machine starts again`);
	} catch {
		note(`warning: fs.inotify.max_user_instances is below ${wanted}; should nodes fail, raise it with sysctl`);
	}
}

/** A handle of a cluster that was there before, with a kubeconfig of its own in the cache. */
async function existingCluster(context: string, signal: AbortSignal | undefined): Promise<Cluster> {
	const { kubectl } = await ensureTools(["kubectl"], { signal });
	const directory = join(cacheDirectory(), "contexts");
	await mkdir(directory, { recursive: true });
	const kubeconfigPath = join(directory, `${encodeURIComponent(context)}.kubeconfig`);
	const view = [kubectl, "config", "view", "--minify", "--flatten", "--context", context];
	try {
		const { stdout } = await run(view, { signal });
		await writeFile(kubeconfigPath, stdout, { mode: 0o600 });
		await run([kubectl, "--kubeconfig", kubeconfigPath, "get", "--raw", "/readyz", "--request-timeout=20s"], {
			signal,
		});
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		throw new RemedyError(
			`the cluster of context "${context}" cannot be used.`,
			"see that `kubectl config get-contexts` lists the context and that its cluster answers.",
			{ cause: error },
		);
	}
	const noEngine = (): never => {
		throw new Error(`"${context}" is an existing cluster: its nodes cannot be reached from here`);
	};
	return {
		name: context,
		engine: "existing",
		nodes: [],
		engineCommand: noEngine,
		nodeCommand: noEngine,
		...kubectlOf(kubectl, kubeconfigPath),
	};
}
