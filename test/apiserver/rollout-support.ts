import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { KubernetesObject } from "../../src/kubernetes/object.ts";
import { deployments, events, pods, secrets } from "../../src/kubernetes/resources.ts";
import { revisionAnnotation } from "../../src/objects/annotations.ts";
import { nodeLabel } from "../../src/objects/labels.ts";
import { base64 } from "../unit/fixtures/federation.ts";
import { condition, federation, federations, newNamespace, playKubelet, startOperator } from "./operator-support.ts";

export const federationName = "example";
export const nodes = [
	{ name: "gw-1", federation: "Enabled" },
	{ name: "gw-2", federation: "Enabled" },
	{ name: "inside" },
] as const;
export const nodeNames = nodes.map((node) => node.name);

/** An operator, and a federation of those nodes that has been rolled out. */
export async function startRollouts() {
	const { client, namespace } = await newNamespace();
	const dialback = { secret: base64("the first dialback secret") };
	const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "dialback", namespace }, data: dialback };
	await client.create(secrets, secret);
	const operator = startOperator(namespace);
	const security = { dialback: { secretRef: { name: "dialback" } } };
	await client.create(federations, federation(namespace, federationName, { nodes, security }));
	const rollouts = new Rollouts(client, namespace, federationName);
	await rollouts.carryThrough();
	return { client, namespace, operator, rollouts };
}

/** Names of the nodes that have another revision. */
export const changed = (before: Revisions, after: Revisions) =>
	[...after].filter(([node, { revision }]) => before.get(node)?.revision !== revision).map(([node]) => node);

/** Of each node's Deployment: its revision, and how often its pod template was changed. */
type Revisions = ReadonlyMap<string, { readonly revision: string; readonly generation: number }>;

/** What drives roll-outs on a bare API server, which has no controllers. */
export class Rollouts {
	readonly #client: KubernetesClient;
	readonly #namespace: string;
	readonly #name: string;

	constructor(client: KubernetesClient, namespace: string, name: string) {
		this.#client = client;
		this.#namespace = namespace;
		this.#name = name;
	}

	async live() {
		const found = await this.#client.get(federations, this.#namespace, this.#name);
		if (!found) throw new Error(`no XmppFederation ${this.#name}`);
		return found;
	}

	async patch(patch: object): Promise<void> {
		await this.#client.mergePatch(federations, this.#namespace, this.#name, patch);
	}

	async annotate(annotations: Record<string, string | null>): Promise<void> {
		await this.patch({ metadata: { annotations } });
	}

	async is(type: string, text: string): Promise<boolean> {
		return (await condition(this.#client, this.#namespace, this.#name, type))?.text === text;
	}

	async revisions(): Promise<Revisions> {
		const { items } = await this.#client.list(deployments, { namespace: this.#namespace });
		return new Map(
			items.flatMap(({ metadata }) => {
				const node = metadata.labels?.[nodeLabel];
				const { generation = 0, annotations = {} } = metadata;
				return node === undefined ? [] : [[node, { revision: annotations[revisionAnnotation] ?? "", generation }]];
			}),
		);
	}

	async nodeState(node: string): Promise<string | undefined> {
		const found = (await this.live()).status?.nodes.find((entry) => entry.name === node);
		return found && `${found.state} ${found.reason}: ${found.message}`;
	}

	/** Gives each node that has none a ready pod of its revision; lets go what is being deleted. @returns what it did */
	async play(): Promise<readonly string[]> {
		const [found, running] = await Promise.all([
			this.#client.list(deployments, { namespace: this.#namespace }),
			this.#client.list(pods, { namespace: this.#namespace }),
		]);
		const done: string[] = [];
		for (const { metadata } of found.items) {
			const node = metadata.labels?.[nodeLabel];
			if (node === undefined) continue;
			const own = running.items.filter((pod) => pod.metadata.labels?.[nodeLabel] === node);
			if (metadata.deletionTimestamp) {
				// What the garbage collector does at the end of a deletion in the foreground.
				for (const pod of own) await this.#client.delete(pods, this.#namespace, pod.metadata.name);
				const finalizers = { metadata: { finalizers: null } };
				await this.#client.mergePatch(deployments, this.#namespace, metadata.name, finalizers);
				done.push(`${node} is gone`);
			} else if (!own.some((pod) => pod.metadata.name === `${node}-${metadata.generation}-ready`)) {
				await playKubelet(this.#client, this.#namespace, node, true);
				done.push(`${node} is ready`);
			}
		}
		return done;
	}

	/** Plays until the operator says that it is through. @returns what was played, in order */
	async carryThrough(): Promise<readonly string[]> {
		const played: string[] = [];
		for (let round = 0; round < 200; round++) {
			const { metadata, status } = await this.live();
			const progressing = status?.conditions.find(({ type }) => type === "Progressing");
			const upToDate =
				progressing && "observedGeneration" in progressing && progressing.observedGeneration === metadata.generation;
			const did = await this.play();
			played.push(...did);
			if (did.length === 0 && upToDate && progressing.reason === "Complete" && !status?.rollout) return played;
			await sleep(50);
		}
		throw new Error(`the roll-out did not end: ${JSON.stringify((await this.live()).status, null, "\t")}`);
	}

	/** Gives the ready pod of a node an address, by which the operator finds its router. */
	async giveAddress(node: string, ip: string): Promise<void> {
		const { items } = await this.#client.list(pods, {
			namespace: this.#namespace,
			labelSelector: `${nodeLabel}=${node}`,
		});
		const status = { podIP: ip, podIPs: [{ ip }] };
		for (const { metadata } of items) {
			await this.#client.mergePatch(pods, this.#namespace, metadata.name, { status }, { subresource: "status" });
		}
	}

	async events(
		reason: string,
	): Promise<readonly (KubernetesObject & { note?: string; related?: { name?: string } })[]> {
		const { items } = await this.#client.list(events, { namespace: this.#namespace });
		return items.filter((event) => event.reason === reason);
	}
}
