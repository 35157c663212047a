import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, inject, onTestFinished, test } from "vitest";
import { bundleOperator } from "../../deploy/build.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { secrets } from "../../src/kubernetes/resources.ts";
import { OperatorProcess } from "../lib/operator-process.ts";
import { scaled } from "../lib/scale.ts";
import { base64 } from "../unit/fixtures/federation.ts";
import { startControlPlane } from "./control-plane.ts";
import { applyCrds } from "./crds.ts";
import { condition, federation, federations } from "./operator-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

const count = scaled(500, 5_000);
/** Bytes of each. */
const size = 100_000;
const foreign = "x".repeat(size);
const federationCount = 10;
/** Long enough for whatever the operator would still do. */
const quiet = 3_000;

interface Use {
	/** Bytes of memory. */
	readonly memory: number;
	/** Bytes read from connections and files. */
	readonly read: number;
}

test("Secrets of others cost the operator no memory, and are never read", { timeout: 1_200_000 }, async () => {
	// A control plane of its own: other tests' objects would be read as well.
	const controlPlane = await startControlPlane(inject("binaries"), { etcdQuota: 6 * 1024 ** 3 });
	onTestFinished(async () => await controlPlane.stop());
	const client = testClient({}, controlPlane.kubeconfig);
	await applyCrds(client);
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-foreign-secrets-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	const bundle = join(directory, "operator.mjs");
	await bundleOperator(bundle);
	const [empty, full] = [await freshNamespace(client), await freshNamespace(client)];

	const measure = async (namespace: string, meanwhile: () => Promise<void>): Promise<Use> => {
		await using operator = await OperatorProcess.start({
			bundle,
			kubeconfig: controlPlane.kubeconfig,
			log: join(directory, "operator.log"),
			arguments: [`--namespace=${namespace}`, "--leader-election-namespace=default"],
		});
		await makeFederations(client, namespace);
		await meanwhile();
		await sleep(quiet);
		return { memory: (await operator.memory()).own, read: await operator.bytesRead() };
	};

	const without = await measure(empty, async () => {});
	await makeForeignSecrets(client, full, "before", count);
	const among = await measure(full, async () => await makeForeignSecrets(client, full, "meanwhile", count / 10));

	const ratio = among.memory / without.memory;
	const more = among.read - without.read;
	console.log(
		`${count} foreign Secrets of ${size / 1000} kB: memory ${(among.memory / 1e6).toFixed(1)} MB beside ` +
			`${(without.memory / 1e6).toFixed(1)} MB without (${ratio.toFixed(2)}), ${(more / 1e6).toFixed(2)} MB more read`,
	);
	expect(ratio).toBeLessThan(1.25);
	expect(more).toBeLessThan(0.02 * count * size);
});

/** Federations that refer to a Secret of a user each, so that some of a namespace's Secrets are read. */
async function makeFederations(client: KubernetesClient, namespace: string): Promise<void> {
	const names = Array.from({ length: federationCount }, (_, index) => `f-${index}`);
	for (const name of names) {
		const data = { secret: base64("s".repeat(32)) };
		await client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, data });
		const security = { dialback: { secretRef: { name } } };
		await client.create(federations, federation(namespace, name, { domain: `${name}.example.com`, security }));
	}
	for (const name of names) {
		const accepted = async () => (await condition(client, namespace, name, "Accepted"))?.text === "True Accepted";
		await eventually(accepted, `${name} is accepted`, 60_000);
	}
}

async function makeForeignSecrets(client: KubernetesClient, namespace: string, prefix: string, total: number) {
	let next = 0;
	const worker = async () => {
		while (next < total) {
			const name = `${prefix}-${next++}`;
			const data = { blob: Buffer.from(foreign).toString("base64") };
			await client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, data });
		}
	};
	await Promise.all(Array.from({ length: 4 }, worker));
}
