import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAllDocuments } from "yaml";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";

interface CustomResourceDefinition extends KubernetesObject {
	readonly spec?: object;
	readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

export const customResourceDefinitions: Resource<CustomResourceDefinition> = {
	apiVersion: "apiextensions.k8s.io/v1",
	kind: "CustomResourceDefinition",
	plural: "customresourcedefinitions",
	namespaced: false,
};

const directory = join(import.meta.dirname, "../../crds");

/** Applies `crds/` and waits until the API server serves them. */
export async function applyCrds(client: KubernetesClient): Promise<void> {
	const files = (await readdir(directory)).filter((name) => name.endsWith(".yaml"));
	const documents = await Promise.all(files.map(async (name) => await readFile(join(directory, name), "utf8")));
	for (const document of documents.flatMap((text) => parseAllDocuments(text))) {
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the files of this repository
		const crd = document.toJS() as CustomResourceDefinition;
		await client.apply(customResourceDefinitions, crd, { force: true });
		await established(client, crd.metadata.name);
	}
}

export async function established(client: KubernetesClient, name: string): Promise<void> {
	for (let waited = 0; waited < 30_000; waited += 100) {
		const conditions = (await client.get(customResourceDefinitions, undefined, name))?.status?.conditions ?? [];
		if (conditions.some(({ type, status }) => type === "Established" && status === "True")) return;
		await sleep(100);
	}
	throw new Error(`the CRD ${name} was not established within 30 s`);
}
