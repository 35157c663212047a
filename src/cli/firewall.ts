import { isIP } from "node:net";
import { z } from "zod";
import { parseChatNodeAlias } from "../api/parse.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/errors.ts";
import { type Pod, pods, type Service, services } from "../kubernetes/resources.ts";
import { aliasServiceName, nodeServiceName, publicServiceName } from "../model/names.ts";
import { enabledSelector, selectorText } from "../objects/labels.ts";
import { aliasesIn } from "./aliases.ts";
import { connectionHelp, connectionOptions, oneOf, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { withCluster } from "./connect.ts";
import { dataForms, dataText, isDataForm } from "./data.ts";
import { UsageError } from "./failure.ts";
import { type FederationObject, federationsIn } from "./federations.ts";
import { asaConfiguration } from "./firewall-asa.ts";
import { nftablesConfiguration } from "./firewall-nftables.ts";
import {
	type AliasServiceView,
	allNodes,
	type FirewallRules,
	firewallRules,
	type PublicServiceView,
} from "./firewall-rules.ts";
import { firewallTable } from "./firewall-table.ts";

const formats = {
	table: firewallTable,
	asa: asaConfiguration,
	nftables: nftablesConfiguration,
} as const;
const outputs = ["table", "asa", "nftables", ...dataForms] as const;

const options = {
	...connectionOptions,
	output: { type: "string", short: "o", default: "table" },
	format: { type: "string" },
	"public-address": { type: "string" },
	any: { type: "boolean", default: false },
} as const;

export const firewall: Command = {
	name: "firewall",
	summary: "rules for a firewall in front of federations: Cisco ASA, nftables",
	help: `Writes what a firewall in front of federations has to let through and translate.

Usage: kubectl xmppfed firewall [NAME] [-n NAMESPACE] [--public-address IP] [-o table|asa|nftables|json|yaml] [--any]

  -o, --output FORM      table (default); asa: Cisco ASA 8.3 or newer, for IPv6 9.0; nftables; json or yaml: a list of
                         what each federation needs
      --public-address IP
                         what peers connect to, where the firewall translates it to the federation's Service. That of
                         a node stands in spec.nodes[].publicAddress.ip, that of a Direct alias in spec.ip of the
                         ChatNodeAlias.
      --format FORM      the same as -o
      --any              with asa: access lists from peers that name no address inside, only ports. They open these of
                         everything behind the firewall.
${connectionHelp}

Addresses are those that a firewall sees: of load balancers and machines, never of pods. Machines are those that pods of
Enabled nodes run on now; pods may move. Nothing is changed: read the output before you load it. It needs the rights to
list pods and ChatNodeAliases and to get Services.`,
	examples: ["firewall", "firewall example -o asa --public-address 192.0.2.10"],
	options,
	outputs,
	takes: ["federation"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("firewall", args, options);
		const [name] = positionals("firewall", given, ["NAME"], 0);
		const output =
			values.format === undefined
				? oneOf("firewall", "-o", values.output, outputs)
				: oneOf("firewall", "--format", values.format, outputs);
		if (values.any && output !== "asa") throw new UsageError("--any goes with -o asa", "firewall");
		const publicAddress = values["public-address"];
		if (publicAddress !== undefined && (isIP(publicAddress) === 0 || name === undefined)) {
			const wrong =
				isIP(publicAddress) === 0 ? `takes an address, not ${JSON.stringify(publicAddress)}` : "needs a NAME";
			throw new UsageError(`--public-address ${wrong}`, "firewall");
		}
		return await withCluster(values, async ({ client, namespace }) => {
			const found = await federationsIn(client, namespace, name);
			const rules: FirewallRules[] = [];
			for (const federation of found) rules.push(await rulesOf(client, federation, publicAddress));
			const text = isDataForm(output)
				? dataText(output, rules)
				: rules.map((each) => formats[output](each, values.any)).join("\n\n");
			await terminal.print(text || `No XmppFederation in namespace ${namespace}.`);
			return 0;
		});
	},
};

const addressedNodes = z.looseObject({
	nodes: z.array(
		z.looseObject({ name: z.string(), publicAddress: z.looseObject({ ip: z.string().optional() }).optional() }),
	),
});

async function rulesOf(
	client: KubernetesClient,
	{ metadata, spec }: FederationObject,
	publicAddress: string | undefined,
): Promise<FirewallRules> {
	const { namespace = "", name } = metadata;
	const nodes = addressedNodes.safeParse(spec).data?.nodes ?? [];
	const publicIps = new Map<string, string>();
	if (publicAddress !== undefined) publicIps.set(allNodes, publicAddress);
	const gateways = await unlessForbidden(async () => await gatewaysOf(client, namespace, name));
	const views = new Map<string, PublicServiceView>();
	const look = async (node: string, serviceName: string) => {
		const service = await client.get(services, namespace, serviceName);
		if (service) views.set(node, viewOfService(service, gateways ?? []));
	};
	await look(allNodes, publicServiceName(name));
	for (const node of nodes) {
		if (!node.publicAddress) continue;
		if (node.publicAddress.ip !== undefined) publicIps.set(node.name, node.publicAddress.ip);
		await look(node.name, nodeServiceName(name, node.name));
	}
	const aliases = await unlessForbidden(async () => await directAliases(client, namespace, name, gateways ?? []));
	const machines = gateways && machinesOf(gateways);
	return firewallRules({ namespace, federation: name, services: views, publicIps, aliases, machines });
}

function viewOfService({ metadata, spec, status }: Service, gateways: readonly Pod[]): PublicServiceView {
	const [port] = spec?.ports ?? [];
	return {
		name: metadata.name,
		type: spec?.type ?? "ClusterIP",
		port: port?.port ?? 0,
		nodePort: port?.nodePort,
		ingress: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []),
		machines: machinesOf(gateways.filter((pod) => isSelected(pod, spec?.selector ?? {}))).filter((address) =>
			(spec?.ipFamilies ?? []).includes(`IPv${isIP(address)}`),
		),
		sourceRanges: spec?.loadBalancerSourceRanges ?? [],
	};
}

/** Those whose Service is there. */
async function directAliases(
	client: KubernetesClient,
	namespace: string,
	federation: string,
	gateways: readonly Pod[],
): Promise<readonly AliasServiceView[]> {
	const found = (await aliasesIn(client, namespace)).map(async (object): Promise<AliasServiceView[]> => {
		const parsed = parseChatNodeAlias(object);
		if (!parsed.ok || parsed.value.spec.federationRef.name !== federation) return [];
		const { alias, node, exposure, ip } = parsed.value.spec;
		if (exposure !== "Direct") return [];
		const service = await client.get(services, namespace, aliasServiceName(federation, object.metadata.name));
		return service
			? [{ alias: alias.toLowerCase(), node, service: viewOfService(service, gateways), publicIp: ip }]
			: [];
	});
	return (await Promise.all(found)).flat();
}

/** Only Enabled nodes exchange traffic with peers. */
async function gatewaysOf(client: KubernetesClient, namespace: string, federation: string): Promise<readonly Pod[]> {
	const labelSelector = selectorText(enabledSelector(federation));
	return (await client.list(pods, { namespace, labelSelector })).items;
}

function isSelected({ metadata: { labels = {} } }: Pod, selector: Readonly<Record<string, string>>): boolean {
	return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** All addresses of each: a cluster of two families sends by both. */
function machinesOf(gateways: readonly Pod[]): readonly string[] {
	const addresses = gateways.flatMap(({ status }) => status?.hostIPs?.map(({ ip }) => ip) ?? status?.hostIP ?? []);
	return [...new Set(addresses)].toSorted();
}

/** Undefined where the user may not read it. */
async function unlessForbidden<Value>(read: () => Promise<Value>): Promise<Value | undefined> {
	try {
		return await read();
	} catch (error) {
		if (error instanceof ApiError && error.status === 403) return undefined;
		throw error;
	}
}
