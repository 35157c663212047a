import { beforeAll, expect, test } from "vitest";
import { buildKubectlPlugin } from "../../deploy/build.ts";
import { chatNodeAliasResource } from "../../src/api/chat-node-alias.ts";
import { federationPolicyResource } from "../../src/api/federation-policy.ts";
import { dnsAsker } from "../../src/dns/asker.ts";
import { configMaps } from "../../src/kubernetes/resources.ts";
import { allPages } from "../lib/pages.ts";
import { shellIn } from "./guide/shell.ts";
import { startNameServer } from "./name-server.ts";
import { federation, federations, startOperator } from "./operator-support.ts";
import { playCluster } from "./played-cluster.ts";
import { PlayedGateways } from "./played-gateways.ts";
import { freshNamespace, testClient } from "./support.ts";

beforeAll(async () => void (await buildKubectlPlugin()));

/** Those that need a pod that runs: the gateway's, or the operator's. */
const needsPods = /xmppfed (peers|check) |port-forward| logs | top |-n xmppfed-system/;

test("commands of the runbooks show what they are for", async () => {
	const pages = [...(await allPages())].filter(([path]) => path.startsWith("docs/runbooks/"));
	const lines = pages.flatMap(([, { blocks }]) => blocks.flatMap(({ text }) => text.trim().split("\n")));
	const commands = [...new Set(lines.filter((line) => !needsPods.test(line)))];
	expect(commands.length).toBeGreaterThan(15);

	const client = testClient();
	const namespace = await freshNamespace(client);
	const [NAME, ALIAS, POLICY, NODE] = ["example", "rooms", "partners", "gw-1"];
	const server = await startNameServer("example.com");
	await PlayedGateways.start(client, namespace, ["gw-1", "gw-2"]);
	playCluster(client, namespace);
	startOperator(namespace, {}, { askDns: dnsAsker([server.address]) });
	const own = (name: string) => ({ apiVersion: "xmppfed.dev/v1alpha1", metadata: { name, namespace } });
	const federationRef = { name: NAME };
	const policy = { kind: "FederationPolicy", spec: { federationRef, default: "Allow" } };
	const alias = { kind: "ChatNodeAlias", spec: { federationRef, alias: "rooms.example.com", node: NODE } };
	const people = {
		...own("people"),
		apiVersion: "v1",
		kind: "ConfigMap",
		data: { list: "alice = a.smith@example.com\n" },
	};
	await client.create(configMaps, people);
	await client.create(federationPolicyResource, { ...own(POLICY), ...policy });
	await client.create(chatNodeAliasResource, { ...own(ALIAS), ...alias });
	const spec = {
		service: { type: "ClusterIP", hostname: "xmpp.example.com" },
		emailAddresses: { mappingRefs: [{ configMapRef: { name: "people" } }] },
	};
	await client.create(federations, federation(namespace, NAME, spec));

	const names = { NAMESPACE: namespace, NAME, NODE, ALIAS, POLICY, DOMAIN: "example.com", "9.9.9.9": server.address };
	const shell = await shellIn({ namespace });
	for (const command of commands) {
		const given = Object.entries(names).reduce((line, [word, name]) => line.replaceAll(word, name), command);
		// Until the operator has brought all of it up.
		const outcome = async () => {
			const { code, printed } = await shell(given);
			const isEmpty = printed.trim() === "" || printed.startsWith("No resources found");
			return isEmpty ? "nothing" : code === 1 ? printed : "something";
		};
		await expect.poll(outcome, { timeout: 20_000, interval: 100, message: command }).toBe("something");
	}
}, 120_000);
