import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundleOperator } from "../../../deploy/build.ts";
import { step } from "../../../deploy/lib/steps.ts";
import { ensureTools } from "../../../deploy/toolchain/tools.ts";
import { xmppFederationResource } from "../../../src/api/xmpp-federation.ts";
import { KubernetesClient } from "../../../src/kubernetes/client.ts";
import { Connection, loadKubeConfig } from "../../../src/kubernetes/connection.ts";
import type { KubernetesObject, Resource } from "../../../src/kubernetes/object.ts";
import {
	configMaps,
	deployments,
	namespaces,
	networkPolicies,
	podDisruptionBudgets,
	pods,
	secrets,
	services,
} from "../../../src/kubernetes/resources.ts";
import { federationLabel, managedSelector } from "../../../src/objects/labels.ts";
import { type Binaries, type ControlPlane, startControlPlane } from "../../apiserver/control-plane.ts";
import { applyCrds } from "../../apiserver/crds.ts";
import { OperatorProcess, type Requests } from "../../lib/operator-process.ts";

/**
 * The operator on a bare etcd and API server: federations of two nodes are made, changed and deleted. Beside it, in the
 * same run, the limit: raw server-side applies of the objects that the operator made, with as many at once.
 */

const usage = `usage: npm run bench -- operator [--sizes 100,300,1000] [--json FILE] [--profile DIRECTORY]
  --sizes    how many federations
  --json     writes all figures
  --profile  writes CPU profiles of the operator`;

/** What the operator has by default: reconciles at once, and connections for calls. */
const operatorConcurrency = { reconciles: 8, connections: 3 };
/** Nothing happens any more when nothing was asked for this long (ms). */
const quiet = 2_000;
const namespace = "bench";
const limitNamespace = "bench-limit";
const owned: readonly Resource[] = [services, configMaps, secrets, deployments, networkPolicies, podDisruptionBudgets];

interface FederationObject extends KubernetesObject {
	readonly spec: object;
	readonly status?: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
}
const federations: Resource<FederationObject> = xmppFederationResource;

interface Phase {
	readonly name: string;
	/** Until the last request. */
	readonly seconds: number;
	readonly requests: Requests;
	/** Megabytes. */
	readonly memory: { readonly now: number; readonly own: number; readonly most: number };
	readonly processorSeconds: number;
}

interface Run {
	readonly size: number;
	readonly idle: { readonly megabytes: number; readonly connections: number };
	readonly connections: number;
	readonly objects: number;
	readonly phases: readonly Phase[];
	/** Raw applies of the same objects. */
	readonly limit: { readonly seconds: number; readonly applies: number };
}

export async function main(args: readonly string[], signal: AbortSignal): Promise<void> {
	const { values } = parseArgs({
		args: [...args],
		options: {
			sizes: { type: "string", default: "100,300,1000" },
			json: { type: "string" },
			profile: { type: "string" },
			help: { type: "boolean" },
		},
	});
	if (values.help) {
		console.log(usage);
		return;
	}
	const sizes = values.sizes.split(",").map(Number);
	if (!sizes.every((size) => Number.isInteger(size) && size > 0)) throw new Error(usage);
	const binaries = await ensureTools(["etcd", "kube-apiserver"], { signal });
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-bench-"));
	try {
		const bundle = join(directory, "operator.mjs");
		const { bytes } = await step("bundle", async () => await bundleOperator(bundle));
		// A profile of short names tells little.
		if (values.profile !== undefined) await bundleOperator(bundle, { minify: false });
		const runs: Run[] = [];
		for (const size of sizes) {
			runs.push(
				await step(`${size} federations`, async () => await measure(size, binaries, bundle, values.profile, signal)),
			);
		}
		console.log(report(runs, bytes));
		const machine = { processors: cpus().length, model: cpus()[0]?.model, node: process.version };
		const at = new Date().toISOString();
		if (values.json)
			await writeFile(values.json, `${JSON.stringify({ at, machine, bundle: bytes, runs }, undefined, "\t")}\n`);
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
}

async function measure(
	size: number,
	binaries: Binaries,
	bundle: string,
	profile: string | undefined,
	signal: AbortSignal,
): Promise<Run> {
	const controlPlane = await startControlPlane(binaries);
	const client = new KubernetesClient(loadKubeConfig(controlPlane));
	try {
		await applyCrds(client);
		for (const name of [namespace, limitNamespace]) {
			await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
		}
		return await withOperator(size, { controlPlane, client, bundle, profile, signal });
	} finally {
		await client.close();
		await controlPlane.stop();
	}
}

interface Parts {
	readonly controlPlane: ControlPlane;
	readonly client: KubernetesClient;
	readonly bundle: string;
	readonly profile: string | undefined;
	readonly signal: AbortSignal;
}

async function withOperator(size: number, parts: Parts): Promise<Run> {
	const { controlPlane, client, bundle, profile, signal } = parts;
	const operator = await OperatorProcess.start({
		bundle,
		kubeconfig: controlPlane.kubeconfig,
		log: join(profile ?? dirname(bundle), `operator-${size}.log`),
		nodeArguments:
			profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${size}.cpuprofile`],
	});
	let kubelet: ChildProcess | undefined;
	let isStopped = false;
	try {
		await sleep(quiet, undefined, { signal });
		const port = Number(new URL(controlPlane.server).port);
		const idle = {
			megabytes: megabytes((await operator.memory()).now),
			connections: await operator.connections(port),
		};
		const names = Array.from({ length: size }, (_, index) => `f-${index}`);
		const phases: Phase[] = [];
		const run = async (name: string, work: () => Promise<void>, done: () => Promise<boolean>) =>
			phases.push(await step(name, async () => await phase(name, operator, work, done, signal)));

		await run(
			"create",
			async () => await each(names, async (name) => await client.create(federations, federation(name, true))),
			async () => await allAre(client, size, "Accepted", "True"),
		);
		const connections = await operator.connections(port);
		const objects = await allObjects(client);
		await run(
			"become ready",
			async () => {
				kubelet = playKubelet(controlPlane.kubeconfig);
			},
			async () => await allAre(client, size, "Ready", "True"),
		);
		await run(
			"change one field",
			async () =>
				await each(names, async (name) => await client.apply(federations, federation(name, false), { force: true })),
			async () => await allAre(client, size, "Progressing", "False"),
		);
		await run(
			"delete",
			async () => await each(names, async (name) => await client.delete(federations, namespace, name)),
			async () => (await client.list(federations, { namespace, limit: 1 })).items.length === 0,
		);
		kubelet?.kill("SIGTERM");
		await run(
			"garbage collected (played)",
			async () => await collectGarbage(client),
			async () => (await allObjects(client)).length === 0,
		);
		await operator.stop();
		isStopped = true;
		const limit = await step("limit", async () => await rawApplies(controlPlane.kubeconfig, objects));
		return { size, idle, connections, objects: objects.length, phases, limit };
	} finally {
		kubelet?.kill("SIGTERM");
		if (!isStopped) await operator.stop();
	}
}

function federation(name: string, published: boolean): FederationObject {
	return {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "XmppFederation",
		metadata: { name, namespace },
		spec: {
			domain: `${name}.example.com`,
			upstream: { host: "xmpp.chat.svc" },
			// No load balancer is here to give an address.
			service: { type: "ClusterIP" },
			nodes: [
				{ name: "gw-1", federation: "Enabled", published },
				{ name: "gw-2", federation: "Enabled" },
			],
		},
	};
}

/** One phase: what it asks for is done, and the operator has nothing more to ask for. */
async function phase(
	name: string,
	operator: OperatorProcess,
	work: () => Promise<void>,
	done: () => Promise<boolean>,
	signal: AbortSignal,
): Promise<Phase> {
	const before = { requests: await operator.requests(), seconds: await operator.processorSeconds() };
	const start = performance.now();
	await work();
	let last = performance.now();
	let count = -1;
	for (;;) {
		const now = total(withoutLease(await operator.requests()));
		if (now !== count || (await operator.waiting()) > 0) {
			last = performance.now();
			count = now;
		} else if (performance.now() - last > quiet) {
			if (await done()) break;
			// It waits for something, such as a pod: looked at again when that has had time.
			last = performance.now();
		}
		// Each look costs the operator some milliseconds.
		await sleep(500, undefined, { signal });
	}
	const memory = await operator.memory();
	return {
		name,
		seconds: (last - start) / 1000,
		requests: difference(await operator.requests(), before.requests),
		memory: { now: megabytes(memory.now), own: megabytes(memory.own), most: megabytes(memory.most) },
		processorSeconds: (await operator.processorSeconds()) - before.seconds,
	};
}

/** Renewals of the lease go on for ever. */
function withoutLease(requests: Requests): Requests {
	return Object.fromEntries(Object.entries(requests).filter(([name]) => !name.endsWith(" leases")));
}

function difference(after: Requests, before: Requests): Requests {
	const changed = Object.entries(after).map(([name, count]): [string, number] => [name, count - (before[name] ?? 0)]);
	return Object.fromEntries(changed.filter(([, count]) => count > 0));
}

function total(requests: Requests): number {
	return Object.values(requests).reduce((sum, count) => sum + count, 0);
}

async function allAre(client: KubernetesClient, size: number, type: string, status: string): Promise<boolean> {
	const { items } = await client.list(federations, { namespace });
	const are = items.filter((item) =>
		item.status?.conditions.some((entry) => entry.type === type && entry.status === status),
	);
	return are.length === size;
}

/** Does the work for all, 8 at once. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>, atOnce = 8): Promise<void> {
	const left = [...items].toReversed();
	const worker = async () => {
		for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
	};
	await Promise.all(Array.from({ length: atOnce }, worker));
}

async function allObjects(client: KubernetesClient): Promise<readonly KubernetesObject[]> {
	const lists = await Promise.all(
		owned.map(async (kind) => (await client.list(kind, { namespace, labelSelector: managedSelector })).items),
	);
	return lists.flat();
}

/** Plays the garbage collector, which a bare API server lacks. */
async function collectGarbage(client: KubernetesClient): Promise<void> {
	for (const kind of [...owned, pods]) {
		const { items } = await client.list(kind, { namespace, labelSelector: managedSelector });
		await each(items, async ({ metadata }) => await client.delete(kind, namespace, metadata.name));
	}
}

function playKubelet(kubeconfig: string): ChildProcess {
	const program = fileURLToPath(new URL("kubelet.ts", import.meta.url));
	const command = ["--pdeathsig", "KILL", "--", process.execPath, program, kubeconfig];
	return spawn("setpriv", command, { stdio: ["ignore", "ignore", "inherit"] });
}

/** Applies the objects anew, those of a federation one after the other, as fast as this machine can. */
async function rawApplies(kubeconfig: string, objects: readonly KubernetesObject[]): Promise<Run["limit"]> {
	const client = new KubernetesClient(new Connection(loadKubeConfig({ kubeconfig }), operatorConcurrency.connections));
	const groups = Map.groupBy(objects, ({ metadata }) => metadata.labels?.[federationLabel]);
	try {
		const start = performance.now();
		await each(
			[...groups.values()],
			async (group) => {
				for (const object of group) {
					const kind = owned.find((resource) => resource.kind === object.kind);
					if (kind) await client.apply(kind, asApplied(object), { force: true });
				}
			},
			operatorConcurrency.reconciles,
		);
		return { seconds: (performance.now() - start) / 1000, applies: objects.length };
	} finally {
		await client.close();
	}
}

/** An object as somebody would apply it: without what the API server has added. */
function asApplied(object: KubernetesObject): KubernetesObject {
	const { name, labels, annotations } = object.metadata;
	const copy: Record<string, unknown> = { ...object };
	delete copy["status"];
	if (object.kind === "Service" && typeof copy["spec"] === "object") {
		const spec: Record<string, unknown> = { ...copy["spec"] };
		if (spec["clusterIP"] !== "None") delete spec["clusterIP"];
		delete spec["clusterIPs"];
		copy["spec"] = spec;
	}
	return {
		...copy,
		apiVersion: object.apiVersion,
		kind: object.kind,
		metadata: { name, namespace: limitNamespace, ...(labels && { labels }), ...(annotations && { annotations }) },
	};
}

function megabytes(bytes: number): number {
	return bytes / 1e6;
}

function report(runs: readonly Run[], bundle: number): string {
	const lines = [
		"",
		"| Federations | Phase | s | a second | requests each | CPU s | CPU ms each | RSS MB (most; without pages of files) |",
		"| --- | --- | --- | --- | --- | --- | --- | --- |",
	];
	for (const { size, phases, limit, objects } of runs) {
		for (const { name, seconds, requests, memory, processorSeconds } of phases) {
			const requestsEach = total(withoutLease(requests)) / size;
			const cells = [
				String(size),
				name,
				seconds.toFixed(1),
				(size / seconds).toFixed(1),
				requestsEach.toFixed(2),
				processorSeconds.toFixed(1),
				((1000 * processorSeconds) / size).toFixed(1),
				`${memory.now.toFixed(0)} (${memory.most.toFixed(0)}; ${memory.own.toFixed(0)})`,
			];
			lines.push(`| ${cells.join(" | ")} |`);
		}
		const perSecond = limit.applies / limit.seconds;
		lines.push(
			`| ${size} | limit: raw applies of the same objects | ${limit.seconds.toFixed(1)} | ${(size / limit.seconds).toFixed(1)} ` +
				`| ${(objects / size).toFixed(2)} | ${perSecond.toFixed(0)} applies a second | | |`,
		);
	}
	lines.push(
		"",
		"Requests each, by verb and resource (reads of all caches and the lease left out where they are none of a federation):",
		"",
	);
	for (const { size, phases } of runs) {
		for (const { name, requests } of phases) {
			const parts = Object.entries(withoutLease(requests))
				.toSorted(([, a], [, b]) => b - a)
				.map(([what, count]) => `${what} ${(count / size).toFixed(2)}`);
			lines.push(`- ${size}, ${name}: ${parts.join(", ") || "none"}`);
		}
	}
	lines.push("", "| Budget | Limit | Measured |", "| --- | --- | --- |");
	for (const run of runs) {
		const create = run.phases.find(({ name }) => name === "create");
		if (!create) continue;
		const most = Math.max(...run.phases.map(({ memory }) => memory.most));
		// And of federations, policies, aliases and pods.
		const watches = owned.length + 4;
		lines.push(
			`| federations a second, ${run.size} | 25 at 300 | ${(run.size / create.seconds).toFixed(1)} |`,
			`| requests for a new federation, ${run.size} | 18 | ${(total(withoutLease(create.requests)) / run.size).toFixed(2)} |`,
			`| memory, ${run.size} | 100 MB at 300 | ${most.toFixed(0)} MB at most, ${run.idle.megabytes.toFixed(0)} MB idle |`,
			`| connections, ${run.size} | ${watches} watches and 4 | ${run.connections} (idle: ${run.idle.connections}) |`,
		);
	}
	lines.push(`| bundle | 3 MB | ${(bundle / 1e6).toFixed(2)} MB |`, "");
	return lines.join("\n");
}
