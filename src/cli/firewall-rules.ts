import { isIP } from "node:net";
import { publicServiceName } from "../model/names.ts";

/** What a firewall in front of a federation has to let through and translate (R12). */
export interface FirewallRules {
	readonly namespace: string;
	readonly federation: string;
	readonly inbound: readonly InboundRule[];
	/** Addresses of the machines that gateway pods run on: what they send leaves the cluster with one of these. */
	readonly machines: readonly string[];
	/** What a reader must know. */
	readonly notes: readonly string[];
}

export interface InboundRule {
	/** Node of the federation, or `all` for its Service. */
	readonly node: string;
	/** The Direct alias whose Service it is. Absent: it is for the federation's domains. */
	readonly alias?: string;
	/** What the firewall sees inside: a load balancer or a machine of the cluster, never a pod. */
	readonly inside: AddressAndPort;
	/** What peers connect to. The same as `inside` where nothing is translated. */
	readonly outside: AddressAndPort;
	/** Address blocks that may connect. Empty: everybody. */
	readonly from: readonly string[];
}

export interface AddressAndPort {
	readonly address: string;
	readonly port: number;
}

/** The Service of a Direct alias. */
export interface AliasServiceView {
	readonly alias: string;
	readonly node: string;
	readonly service: PublicServiceView;
	/** What its hostname must resolve to, where the resource says so (`ip`). */
	readonly publicIp?: string | undefined;
}

/** A Service that peers connect to. */
export interface PublicServiceView {
	readonly name: string;
	readonly type: string;
	readonly port: number;
	readonly nodePort?: number | undefined;
	/** Addresses or names that a load balancer gave. */
	readonly ingress: readonly string[];
	/**
	 * Addresses of the machines that the pods it leads to run on: where its node port is answered. Others answer by
	 * `externalTrafficPolicy: Cluster` only.
	 */
	readonly machines: readonly string[];
	readonly sourceRanges: readonly string[];
}

export interface FirewallInputs {
	readonly namespace: string;
	readonly federation: string;
	/** By node; `all` is the federation's. Only those that exist. */
	readonly services: ReadonlyMap<string, PublicServiceView>;
	/** What the names of nodes must resolve to, where the resource says so (`nodes[].publicAddress.ip`). */
	readonly publicIps: ReadonlyMap<string, string>;
	/** Of Direct aliases that have one; undefined where they could not be read. */
	readonly aliases: readonly AliasServiceView[] | undefined;
	/** Of the machines that gateway pods run on; undefined where they could not be read. */
	readonly machines: readonly string[] | undefined;
}

export const allNodes = "all";

export function firewallRules(inputs: FirewallInputs): FirewallRules {
	const { namespace, federation, services, publicIps, aliases, machines } = inputs;
	const notes: string[] = [];
	const all = [
		...[...services].map(([node, service]) => ({ to: { node }, service, outside: publicIps.get(node) })),
		...(aliases ?? []).map(({ alias, node, service, publicIp: outside }) => ({
			to: { node, alias },
			service,
			outside,
		})),
	];
	const inbound = all.flatMap(({ to, service, outside }) => {
		const insides = insideOf(service);
		if (insides.length === 0) notes.push(withoutAddress(service));
		if (outside !== undefined && insides.length > 1 && isTranslated(insides, outside)) {
			notes.push(
				`Service ${service.name} has several addresses inside: the first is translated to ${outside}. Others can be ` +
					"used where the firewall spreads connections.",
			);
		}
		const own = insides.filter(({ address }) => outside === undefined || isIP(address) === isIP(outside));
		if (own.length === 0 && insides.length > 0) {
			notes.push(
				`Service ${service.name} has no address of the kind of ${outside}: IPv4 is not translated to IPv6, nor the other way round.`,
			);
		}
		const used = outside === undefined ? own : own.slice(0, 1);
		return used.map(
			(inside): InboundRule => ({
				...to,
				inside,
				outside: { address: outside ?? inside.address, port: service.port },
				from: service.sourceRanges.filter((range) => range.includes(":") === (isIP(inside.address) === 6)),
			}),
		);
	});
	if (aliases === undefined) notes.push("ChatNodeAliases cannot be read, so Services of Direct ones are not known.");
	if (machines === undefined) notes.push("Pods cannot be read, so the machines that gateways run on are not known.");
	if (services.get(allNodes)?.name !== undefined && !publicIps.has(allNodes) && inbound.some(isPrivateInside)) {
		notes.push(
			`Service ${publicServiceName(federation)} has a private address. If the firewall translates another one to it, ` +
				"name that: --public-address ADDRESS",
		);
	}
	return { namespace, federation, inbound, machines: machines ?? [], notes };
}

/** In one text: `192.0.2.5:5269`, `[2001:db8::5]:5269`. */
export function joined({ address, port }: AddressAndPort): string {
	return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

export function isTranslation({ inside, outside }: InboundRule): boolean {
	return inside.address !== outside.address || inside.port !== outside.port;
}

function isTranslated(insides: readonly AddressAndPort[], outside: string): boolean {
	return insides.every(({ address }) => address !== outside);
}

function isPrivateInside({ node, inside: { address } }: InboundRule): boolean {
	return node === allNodes && /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd])/i.test(address);
}

function insideOf({ type, port, nodePort, ingress, machines }: PublicServiceView): readonly AddressAndPort[] {
	const addresses = ingress.filter((host) => isIP(host) !== 0);
	if (addresses.length > 0) return addresses.map((address) => ({ address, port }));
	if (type !== "NodePort" || nodePort === undefined) return [];
	return machines.map((address) => ({ address, port: nodePort }));
}

function withoutAddress({ name, type, ingress }: PublicServiceView): string {
	const [host] = ingress;
	if (host !== undefined) return `Service ${name} is reached by the name ${host}: rules need addresses. Look them up.`;
	if (type === "ClusterIP") return `Service ${name} is of type ClusterIP: nothing outside the cluster reaches it.`;
	if (type === "NodePort")
		return `Service ${name} is of type NodePort, and no machine is known that a gateway of it runs on.`;
	return `Service ${name} has no address yet: no load balancer has given it one.`;
}
