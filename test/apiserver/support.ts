import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { inject, onTestFinished } from "vitest";
import { type ClientOptions, KubernetesClient } from "../../src/kubernetes/client.ts";
import { Connection, loadKubeConfig } from "../../src/kubernetes/connection.ts";
import { readText } from "../../src/kubernetes/http-request.ts";
import { type KubernetesObject, type Resource, resourcePath } from "../../src/kubernetes/object.ts";
import type { RequestRecord } from "../../src/kubernetes/requests.ts";
import { namespaces } from "../../src/kubernetes/resources.ts";

/** An administrator's client of the shared control plane; its connections end with the test. */
export function testClient(options: ClientOptions = {}, kubeconfig = inject("kubeconfig")): KubernetesClient {
	const client = new KubernetesClient(loadKubeConfig({ kubeconfig }), options);
	onTestFinished(async () => await client.close());
	return client;
}

/** A client that writes down its requests. */
export function countingClient(options: ClientOptions = {}, kubeconfig = inject("kubeconfig")) {
	const requests: RequestRecord[] = [];
	const client = testClient({ ...options, onRequest: (record) => requests.push(record) }, kubeconfig);
	return {
		client,
		requests,
		/** Requests that could have changed something. */
		writes: () => requests.filter(({ verb }) => !["get", "list", "watch"].includes(verb)),
	};
}

/** Makes a namespace. No controller runs that could remove it, so it stays until the control plane ends. */
export async function freshNamespace(client: KubernetesClient): Promise<string> {
	const name = `test-${randomBytes(6).toString("hex")}`;
	await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
	return name;
}

/** An object exactly as the API server gives it, managedFields included. */
export async function rawObject(
	resource: Resource,
	namespace: string | undefined,
	name: string,
	kubeconfig = inject("kubeconfig"),
): Promise<string> {
	const connection = new Connection(loadKubeConfig({ kubeconfig }));
	try {
		const path = resourcePath(resource, namespace, name);
		const silence = { before: 10_000, during: 10_000 };
		const response = await connection.send({ path, isWatch: false, signal: connection.closing, silence });
		const text = await readText(response);
		if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${text}`);
		return text;
	} finally {
		await connection.close();
	}
}

/** Writes a kubeconfig that goes away with the test. */
export async function temporaryKubeconfig(text: string): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-kubeconfig-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	const path = join(directory, "kubeconfig");
	await writeFile(path, text, { mode: 0o600 });
	return path;
}

/** Repeats `look` until it gives something true; fails with the last error and `what` was expected. */
export async function eventually<R>(
	look: () => R | Promise<R>,
	what: string,
	timeout = 20_000,
): Promise<Exclude<R, undefined | null | false>> {
	const deadline = Date.now() + timeout;
	let last: unknown;
	for (;;) {
		try {
			const found = await look();
			// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- narrowed by the condition
			if (found) return found as Exclude<R, undefined | null | false>;
			last = found;
		} catch (error) {
			last = error;
		}
		if (Date.now() > deadline) throw new Error(`not within ${timeout / 1000} s: ${what}`, { cause: last });
		await sleep(50);
	}
}

/** A logger whose records the test can look at. */
export function recordingLog() {
	const records: Record<string, unknown>[] = [];
	const log = pino(
		{ level: "debug" },
		{
			write: (line: string) => {
				// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- pino writes objects
				records.push(JSON.parse(line) as Record<string, unknown>);
			},
		},
	);
	return { log, records };
}

/** `metadata.ownerReferences` of an object that the given one controls. */
export function controlledBy(owner: KubernetesObject & { readonly metadata: { readonly uid: string } }) {
	const { apiVersion, kind, metadata } = owner;
	return [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }];
}
