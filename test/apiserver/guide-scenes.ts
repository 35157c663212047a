import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { root } from "../../deploy/generate.ts";
import { chatNodeAliasResource } from "../../src/api/chat-node-alias.ts";
import { federationPolicyResource } from "../../src/api/federation-policy.ts";
import { dnsAsker } from "../../src/dns/asker.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";
import { configMaps, pods, secrets } from "../../src/kubernetes/resources.ts";
import { aliasServiceName, nodeServiceName, publicServiceName } from "../../src/model/names.ts";
import { nodeSelectorLabels, selectorText } from "../../src/objects/labels.ts";
import type { Page } from "../lib/markdown.ts";
import { shownCommands } from "../lib/shown-commands.ts";
import { Directory, reader } from "./directory.ts";
import { startNameServer } from "./name-server.ts";
import { condition, federation, federations, type OperatorSettings, startOperator } from "./operator-support.ts";
import { playCluster } from "./played-cluster.ts";
import { PlayedGateways } from "./played-gateways.ts";
import { giveAddress } from "./played-load-balancer.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

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

type Pages = ReadonlyMap<string, Page>;

export const scenes: readonly {
	/** Pages whose commands are run in it. */
	readonly paths: readonly string[];
	readonly setUp: (pages: Pages) => Promise<Scene>;
}[] = [
	{ paths: ["docs/policy.md"], setUp: policy },
	{ paths: ["docs/aliases.md"], setUp: aliases },
	{ paths: ["docs/dns.md", "docs/firewall.md"], setUp: edge },
	{ paths: ["docs/email-addresses.md"], setUp: emailAddresses },
];

/** The text of the block that has this part. */
function block(pages: Pages, path: string, part: string): string {
	const found = pages.get(path)?.blocks.find(({ text }) => text.includes(part));
	if (!found) throw new Error(`${path} has no block with ${part}`);
	return found.text;
}

/** Makes what a block of YAML has. */
async function createShown(
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

/** The policy of the page is in force at both nodes; the file is the sample. */
async function policy(pages: Pages): Promise<Scene> {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await playNodes(client, namespace);
	await client.create(federations, federation(namespace, "example"));
	const shown = block(pages, "docs/policy.md", "kind: FederationPolicy");
	await createShown(client, namespace, federationPolicyResource, shown);
	return { namespace, files: { "policy.yaml": await readFile(join(root, "deploy/samples/policy.yaml"), "utf8") } };
}

/** An operator, and two nodes that say what they have in force. */
async function playNodes(client: KubernetesClient, namespace: string): Promise<void> {
	await PlayedGateways.start(client, namespace, ["gw-1", "gw-2"]);
	playCluster(client, namespace);
	startOperator(namespace);
}

/** The aliases of the page; the file moves one of them. */
async function aliases(pages: Pages): Promise<Scene> {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const shown = block(pages, "docs/aliases.md", "kind: ChatNodeAlias");
	await createShown(client, namespace, chatNodeAliasResource, shown);
	const nodes = [
		{ name: "gw-1", federation: "Enabled" },
		{ name: "gw-2", federation: "Enabled" },
		{ name: "inside", federation: "Disabled" },
	];
	await published(client, namespace, { nodes });
	await giveAddress(client, namespace, aliasServiceName("example", "conference-2"), "10.0.0.12");
	return { namespace, files: { "aliases.yaml": shown.replace("node: inside", "node: gw-2") } };
}

/**
 * One of two nodes has an address of its own. What `dns show` says is published, with the address that the firewall has
 * for the private one, as docs/dns.md asks for; for a while with a wrong one for the node.
 */
async function edge(pages: Pages): Promise<Scene> {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const { nodes: second }: { nodes: readonly { readonly name: string }[] } = parse(
		block(pages, "docs/dns.md", "publicAddress:"),
	);
	const nodes = [{ name: "gw-1", federation: "Enabled" }, ...second];
	const server = await startNameServer("example.com");
	const spec = { nodes, additionalDomains: ["conference.example.com"] };
	await published(client, namespace, spec, { askDns: dnsAsker([server.address]) });
	await giveAddress(client, namespace, nodeServiceName("example", "gw-2"), "10.0.0.11");
	const [shown] = shownCommands({ line: 0, language: "", text: block(pages, "docs/dns.md", "-o zone") });
	const zone = shown?.printed.replaceAll("10.0.0.10", "192.0.2.5") ?? "";
	const [address = "", port = ""] = server.address.split(":");
	const names = [
		[`-port=${port} `, ""],
		[address, "192.0.2.53"],
		// In names of firewalls
		[namespace.toUpperCase(), "CHAT"],
		[namespace.replaceAll("-", "_"), "chat"],
	] as const;
	return {
		namespace,
		toRun: (command) => command.replaceAll("192.0.2.53", server.address),
		toShow: (printed) => names.reduce((text, [here, there]) => text.replaceAll(here, there), printed),
		before: async (printed) => {
			if (printed.includes("it should be")) await server.publish(zone.replace(/(?<=^xmpp-2.* A ).*$/m, "192.0.2.99"));
			if (printed.includes("can be found")) await server.publish(zone);
		},
	};
}

/** A federation that an operator has brought up, whose public Service has an address inside. */
async function published(
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
	// Plays the scheduler: each node runs on a machine of its own.
	for (const [index, { name }] of spec.nodes.entries()) {
		const labelSelector = selectorText(nodeSelectorLabels("example", name));
		const pod = await eventually(async () => (await client.list(pods, { namespace, labelSelector })).items[0], name);
		const hostIP = `10.0.1.${index + 1}`;
		const status = { hostIP, hostIPs: [{ ip: hostIP }] };
		await client.mergePatch(pods, namespace, pod.metadata.name, { status }, { subresource: "status" });
	}
}

/** The federation of the page, with a directory that is here. What is wrong comes one after the other, and goes again. */
async function emailAddresses(pages: Pages): Promise<Scene> {
	const path = "docs/email-addresses.md";
	const client = testClient();
	const namespace = await freshNamespace(client);
	const directory = await Directory.start([{ uid: "ghill", mail: ["grace.hill@example.com"] }]);
	const apply = async (resource: Resource, name: string, data: Record<string, string>) => {
		const object = { apiVersion: "v1", kind: resource.kind, metadata: { name, namespace }, data };
		await client.apply(resource, object, { force: true });
	};
	const people = async (more: Record<string, string>) =>
		await apply(configMaps, "people", { list: block(pages, path, "# Sales"), ...more });
	const bind = async (password: string) =>
		await apply(secrets, "ldap-bind", { password: Buffer.from(password).toString("base64") });
	await apply(configMaps, "authority", { "ca.crt": directory.authority });
	await apply(secrets, "board", { list: Buffer.from("carol = chair@example.com").toString("base64") });
	await people({});

	const shown: { spec: { emailAddresses: { ldap: object } } } = parse(block(pages, path, "emailAddresses:"));
	const { ldap, ...others } = shown.spec.emailAddresses;
	const trustedCAs = { configMapRef: { name: "authority" } };
	const here = { ...others, ldap: { ...ldap, url: directory.url, startTLS: true, trustedCAs } };
	await playNodes(client, namespace);
	await client.create(federations, federation(namespace, "example", { ...shown.spec, emailAddresses: here }));
	const told = async () => (await condition(client, namespace, "example", "EmailAddressesInForce"))?.text;
	return {
		namespace,
		env: { PASSWORD: reader.password },
		toRun: (command) => command.replaceAll("ldaps://ldap.example.com", directory.url),
		toShow: (printed) => printed.replaceAll(directory.url, "ldaps://ldap.example.com"),
		before: async (printed) => {
			if (printed.includes("has two addresses")) {
				await eventually(async () => (await told()) === "True InForce", "a first mapping");
				await people({ more: block(pages, path, "alice = a@example.com") });
			}
			if (printed.includes("Invalid Credentials")) await Promise.all([people({}), bind("not the right one")]);
			if (printed.includes("users have one")) await bind(reader.password);
		},
	};
}
