import { parseAllDocuments } from "yaml";
import type { KubernetesClient } from "../../../src/kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../../../src/kubernetes/object.ts";
import { publicServiceName } from "../../../src/model/names.ts";
import type { Page } from "../../lib/markdown.ts";
import { federation, federations, type OperatorSettings, startOperator } from "../operator-support.ts";
import { placePods, playCluster } from "../played-cluster.ts";
import { PlayedGateways } from "../played-gateways.ts";
import { giveAddress } from "../played-load-balancer.ts";

/** What is there before the commands of a page are run, one after the other. */
export interface Scene {
	/** `chat` in the pages. */
	readonly namespace: string;
	/** In the directory that commands are run in, by name. */
	readonly files?: Readonly<Record<string, string>>;
	readonly env?: Readonly<Record<string, string>>;
	/** What the command is here. */
	readonly toRun?: (command: string) => string;
	/** What the page would have for it. */
	readonly toShow?: (printed: string) => string;
	/** What somebody does before the command that prints this. */
	readonly before?: (printed: string) => Promise<void>;
}

export type Pages = ReadonlyMap<string, Page>;

/** The text of the block that has this part. */
export function block(pages: Pages, path: string, part: string): string {
	const found = pages.get(path)?.blocks.find(({ text }) => text.includes(part));
	if (!found) throw new Error(`${path} has no block with ${part}`);
	return found.text;
}

/** Makes what a block of YAML has. */
export async function createShown(
	client: KubernetesClient,
	namespace: string,
	resource: Resource,
	text: string,
): Promise<void> {
	for (const document of parseAllDocuments(text)) {
		const object: KubernetesObject = document.toJS();
		await client.create(resource, { ...object, metadata: { ...object.metadata, namespace } });
	}
}

/** An operator, and two nodes that say what they have in force. */
export async function playNodes(client: KubernetesClient, namespace: string): Promise<void> {
	await PlayedGateways.start(client, namespace, ["gw-1", "gw-2"]);
	playCluster(client, namespace);
	startOperator(namespace);
}

/** A federation that an operator has brought up, whose public Service has an address inside. */
export async function published(
	client: KubernetesClient,
	namespace: string,
	spec: Record<string, unknown> & { readonly nodes: readonly { readonly name: string }[] },
	settings: OperatorSettings = {},
): Promise<void> {
	playCluster(client, namespace);
	startOperator(namespace, {}, settings);
	const service = { hostname: "xmpp.example.com" };
	await client.create(federations, federation(namespace, "example", { service, ...spec }));
	await giveAddress(client, namespace, publicServiceName("example"), "10.0.0.10");
	const machines = spec.nodes.map(({ name }, index): [string, string[]] => [name, [`10.0.1.${index + 1}`]]);
	await placePods(client, namespace, "example", Object.fromEntries(machines));
}
