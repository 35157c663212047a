import { podLayout } from "../gateway/layout.ts";
import { objectKey } from "../kubernetes/object.ts";
import type { Service } from "../kubernetes/resources.ts";
import type { DialbackNode } from "../model/dialback-rotation.ts";
import {
	aliasServiceName,
	internalServiceName,
	nodeServiceName,
	publicServiceName,
	resolverName,
} from "../model/names.ts";
import { nodeLiveName, readLive } from "../objects/node-live.ts";
import { linkedNodes } from "../rollout/links.ts";
import type { ProcessReport } from "../rollout/live.ts";
import { observeNodes } from "../rollout/observe.ts";
import type { ObservedNode } from "../rollout/plan.ts";
import type { FederationObservation, NodeObservation, ServiceObservation } from "../status/federation-observation.ts";
import type { Caches } from "./caches.ts";
import type { AskedProcess, RouterReport, RouterReports } from "./router-reports.ts";

/** What a node's live objects say, and what its processes say to it. */
export interface WrittenLive extends ReturnType<typeof readLive> {
	readonly readySince: string | undefined;
	readonly reports: Readonly<Record<string, ProcessReport | undefined>>;
}

export interface SeenNode extends NodeObservation {
	/** Undefined where it has no live objects. */
	readonly written?: WrittenLive;
}

/** What there is of a federation: nodes by their Deployments, pods and routers, and Services. */
export function observe(
	key: string,
	caches: Caches,
	reports: RouterReports,
	now: Date,
	withServices: WithServices,
): Pick<FederationObservation, "services"> & {
	readonly nodes: readonly SeenNode[];
	readonly dialback: readonly DialbackNode[];
} {
	// In one order, whatever came first: equal observations make equal statuses.
	const nodes = observeNodes(caches.deployments.store.byIndex(key), caches.pods.store.byIndex(key), now).toSorted(
		(a, b) => (a.name < b.name ? -1 : 1),
	);
	const [namespace = "", federationName = ""] = key.split("/");
	const liveOf = new Map(
		nodes.flatMap(({ name }): [string, ReturnType<typeof readLive>][] => {
			const live = objectKey(namespace, nodeLiveName(federationName, name));
			const configMap = caches.configMaps.store.get(live);
			return configMap ? [[name, readLive(configMap, caches.secrets.store.get(live))]] : [];
		}),
	);
	const asksAll = reports.asksAll(key);
	const processes = nodes.flatMap(({ name, federation, ready, addresses: [address] }): [string, AskedProcess][] => {
		if (!address) return [];
		const router: [string, AskedProcess] = [name, { url: statusUrl(address, podLayout.routerHttpPort), ready }];
		if (federation === "Disabled") return [router];
		// Status has a line for each stream: what is taken over, and the link certificate, is asked for by itself.
		const path = asksAll ? "/status" : "/status/settings";
		return [router, [federationProcess(name), { url: statusUrl(address, podLayout.federationHttpPort, path), ready }]];
	});
	const told = reports.use(key, new Map(processes));
	const enabled = nodes.filter(({ federation }) => federation === "Enabled");
	const addressesOf = new Map(enabled.map(({ name, addresses }) => [name, addresses]));
	return {
		nodes: nodes.map(({ addresses: _addresses, readySince, ...node }) => {
			const report = told.get(node.name);
			const live = liveOf.get(node.name);
			const policy = told.get(federationProcess(node.name))?.settings.policy;
			const mapping = report?.emailAddresses;
			const seen = {
				...node,
				...(mapping && { mapping }),
				linkFailures: linkFailuresOf(node, told),
				...(policy && { policy }),
				...(live && { live: live.revision, written: { ...live, readySince, reports: reportsOf(node, told) } }),
			};
			// What it has not said yet is not so: the plan waits for its word.
			if (!report) return { ...seen, upstream: undefined, ...(reports.isAwaited(key, node.name) && { linkedTo: [] }) };
			const { links, accepts: _accepts, settings: _settings, aliases, emailAddresses: _mapping, ...upstream } = report;
			return { ...seen, upstream, aliases, ...(links && { linkedTo: linkedNodes(links, addressesOf) }) };
		}),
		services: observeServices(key, caches, withServices),
		dialback: nodes
			.filter(({ addresses }) => addresses.length > 0)
			.map((node) => {
				const accepted = Object.values(processesOf(node)).map((process) => told.get(process)?.accepts);
				return { name: node.name, accepts: common(accepted) };
			}),
	};
}

/** Under which the answers of a node's federation connection manager are kept; no node has such a name. */
function federationProcess(node: string): string {
	return `${node}/federation`;
}

/** What is in all of the lists; undefined where one is. */
function common(lists: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
	const known = lists.filter((list) => list !== undefined);
	const [first = []] = known;
	return known.length < lists.length ? undefined : first.filter((entry) => known.every((list) => list.includes(entry)));
}

function statusUrl(podIP: string, port: number, path = "/status"): string {
	const host = podIP.includes(":") ? `[${podIP}]` : podIP;
	return `http://${host}:${port}${path}`;
}

/** Under which the answers of each of a node's processes are kept, by role. */
function processesOf({ name, federation }: ObservedNode): Readonly<Record<string, string>> {
	return { router: name, ...(federation === "Enabled" && { federation: federationProcess(name) }) };
}

function reportsOf(node: ObservedNode, told: ReadonlyMap<string, RouterReport>): WrittenLive["reports"] {
	const reports = Object.entries(processesOf(node)).map(([role, process]) => [role, told.get(process)?.settings]);
	return Object.fromEntries(reports);
}

function linkFailuresOf(node: ObservedNode, told: ReadonlyMap<string, RouterReport>): NodeObservation["linkFailures"] {
	const reports = Object.entries(processesOf(node)).map(([role, process]) => ({ role, report: told.get(process) }));
	if (reports.some(({ report }) => report === undefined)) return undefined;
	return reports.flatMap(({ role, report }) => (report?.linkFailure ? [`${role}: ${report.linkFailure}`] : []));
}

/** Names of the nodes that peers reach by themselves, and of the ChatNodeAliases that are Direct. */
export interface WithServices {
	readonly nodes?: readonly string[];
	readonly aliases?: readonly string[];
}

export function observeServices(
	key: string,
	caches: Caches,
	{ nodes = [], aliases = [] }: WithServices = {},
): FederationObservation["services"] {
	const [namespace = "", federation = ""] = key.split("/");
	const find = (name: string) => {
		const service = caches.services.store.get(objectKey(namespace, name));
		return service && observeService(service);
	};
	const findAll = (names: readonly string[], serviceName: (federation: string, name: string) => string) =>
		new Map(
			names.flatMap((name): [string, ServiceObservation][] => {
				const service = find(serviceName(federation, name));
				return service ? [[name, service]] : [];
			}),
		);
	return {
		public: find(publicServiceName(federation)),
		nodes: findAll(nodes, nodeServiceName),
		aliases: findAll(aliases, aliasServiceName),
		internal: find(internalServiceName(federation)),
		resolver: find(resolverName(federation)),
	};
}

function observeService({ metadata, spec, status }: Service): ServiceObservation {
	const ingress = status?.loadBalancer?.ingress ?? [];
	return {
		name: metadata.name,
		...(spec?.clusterIP && spec.clusterIP !== "None" && { clusterIP: spec.clusterIP }),
		ingress: ingress.flatMap(({ ip, hostname }) => ip ?? hostname ?? []),
	};
}
