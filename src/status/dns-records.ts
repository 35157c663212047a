import { isIP, isIPv6 } from "node:net";
import type { FederationAlias, FederationIntent } from "../model/intent.ts";
import { xmppServerPort } from "../model/ports.ts";
import type { FederationObservation, ServiceObservation } from "./federation-observation.ts";

interface Common {
	/** Owner name with a dot at its end. */
	readonly name: string;
	/** Seconds. */
	readonly ttl: number;
	/** Data in zone file form (RFC 1035 section 5.1). */
	readonly value: string;
}

export interface SrvRecord extends Common {
	readonly type: "SRV";
	readonly priority: number;
	readonly weight: number;
	readonly port: number;
	/** Host name with a dot at its end. */
	readonly target: string;
}

export interface AddressRecord extends Common {
	readonly type: "A" | "AAAA";
	readonly address: string;
}

export type DnsRecord = SrvRecord | AddressRecord;

/** A name that peers are told, and where it leads. */
interface Target {
	readonly hostname: string;
	readonly port: number;
	readonly addresses: readonly string[];
}

type Seen = Pick<FederationObservation, "intent" | "services">;

/**
 * Records to publish so that peers find the federation (R8, RFC 6120 section 3.2.1): for each domain and alias an SRV
 * record of the federation's hostname and of every node with an address of its own, for a Direct alias of its own
 * hostname, then the addresses of these names as far as they are known. None of the federation's while no hostname is set:
 * an SRV target is a name, never an address (RFC 2782).
 */
export function dnsRecords({ intent, services }: Seen): readonly DnsRecord[] {
	if (!intent) return [];
	const shared = targets(intent, services);
	return records(intent.dns, [
		...intent.domains.map((domain) => [domain, shared] as const),
		...(intent.aliases ?? []).map((alias) => [alias.domain, aliasTargets(alias, services) ?? shared] as const),
	]);
}

/** Those of one alias alone (R10). */
export function aliasDnsRecords({ intent, services }: Seen, alias: FederationAlias): readonly DnsRecord[] {
	if (!intent) return [];
	return records(intent.dns, [[alias.domain, aliasTargets(alias, services) ?? targets(intent, services)]]);
}

function records(
	{ ttl, priority, weight }: FederationIntent["dns"],
	domains: readonly (readonly [domain: string, readonly Target[]])[],
): readonly DnsRecord[] {
	const service = domains.flatMap(([domain, found]) =>
		found.map(({ hostname, port }): SrvRecord => {
			const target = `${hostname}.`;
			const value = `${priority} ${weight} ${port} ${target}`;
			return { name: `_xmpp-server._tcp.${domain}.`, type: "SRV", ttl, priority, weight, port, target, value };
		}),
	);
	const addresses = new Map<string, AddressRecord>();
	for (const { hostname, addresses: list } of domains.flatMap(([, found]) => found)) {
		for (const address of list.map(asDnsWritesIt)) {
			const type = isIPv6(address) ? "AAAA" : "A";
			addresses.set(`${hostname} ${address}`, { name: `${hostname}.`, type, ttl, address, value: address });
		}
	}
	return [...service, ...addresses.values()];
}

/** Undefined where peers reach it as they reach the federation. */
function aliasTargets(
	{ name, direct }: FederationAlias,
	services: FederationObservation["services"],
): readonly Target[] | undefined {
	if (!direct) return undefined;
	const { hostname, port, ip } = direct;
	return [{ hostname, port, addresses: ip ? [ip] : addressesOf(services.aliases?.get(name)) }];
}

function targets(
	{ nodes, nodeAddresses, service }: FederationIntent,
	services: FederationObservation["services"],
): readonly Target[] {
	const own = nodeAddresses.map(({ node, hostname, port, ip }): Target => {
		return { hostname, port, addresses: ip ? [ip] : addressesOf(services.nodes?.get(node)) };
	});
	// Where every published node has an address of its own, the federation's is only one more way to the same nodes.
	const isShared = nodes.some(({ name, published }) => published && !nodeAddresses.some(({ node }) => node === name));
	const shared = isShared && service.hostname;
	return [
		...(shared ? [{ hostname: shared, port: xmppServerPort, addresses: addressesOf(services.public) }] : []),
		...own,
	];
}

/** So that it equals what DNS answers: 2001:DB8:0::5 is 2001:db8::5 there (RFC 5952). */
function asDnsWritesIt(address: string): string {
	return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** What a load balancer gives as a name is no address: an SRV target must not be an alias of it (RFC 2782). */
function addressesOf(service: ServiceObservation | undefined): readonly string[] {
	return (service?.ingress ?? []).filter((host) => isIP(host) !== 0);
}
