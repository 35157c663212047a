import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { KubernetesObject } from "../../src/kubernetes/object.ts";
import { federations, ownedKinds } from "./operator-support.ts";
import { eventually } from "./support.ts";

/** All objects of our kinds in a namespace, without what differs from one run to the next: uids, times, digests, keys. */
export async function normalized(client: KubernetesClient, namespace: string): Promise<readonly object[]> {
	const lists = await Promise.all(ownedKinds.map(async (kind) => (await client.list(kind, { namespace })).items));
	return lists
		.flat()
		.map((object) => normalize(object, namespace))
		.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function normalize(object: KubernetesObject & { readonly data?: object; readonly spec?: object }, namespace: string) {
	const { uid: _uid, resourceVersion: _version, generation: _generation, ...metadata } = object.metadata;
	const { data, spec, status: _status, ...rest }: Record<string, unknown> = { ...object };
	const shown = {
		...rest,
		metadata: { ...metadata, creationTimestamp: undefined },
		...(spec !== undefined && { spec: { ...Object(spec), clusterIP: undefined, clusterIPs: undefined } }),
		...(data !== undefined && { data: object.kind === "Secret" ? Object.keys(Object(data)).toSorted() : data }),
	};
	const text = JSON.stringify(shown)
		.replaceAll(namespace, "NAMESPACE")
		.replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
		.replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "UID")
		.replaceAll(/\b[0-9a-f]{8,64}\b/g, "DIGEST");
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object became an object
	return JSON.parse(text) as object;
}

/** Waits until a federation is Ready and nothing of it moves, at its newest generation. */
export async function settled(
	client: KubernetesClient,
	namespace: string,
	name: string,
	timeout = 30_000,
): Promise<void> {
	await eventually(
		async () => {
			const { metadata, status } = (await client.get(federations, namespace, name)) ?? {};
			const states = (status?.conditions ?? [])
				.filter(({ observedGeneration }) => observedGeneration === metadata?.generation)
				.map((condition) => `${condition.type} ${condition.status}`);
			return states.includes("Ready True") && states.includes("Progressing False") && states.includes("Degraded False");
		},
		`federation ${name} to settle`,
		timeout,
	);
}

/** Waits until a namespace looks as expected; fails with the difference. */
export async function becomes(client: KubernetesClient, namespace: string, expected: readonly object[]): Promise<void> {
	try {
		await eventually(async () => isDeepStrictEqual(await normalized(client, namespace), expected), "the same state");
	} catch {
		expect(await normalized(client, namespace)).toEqual(expected);
	}
}
