import { isIP, isIPv6 } from "node:net";
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

/**
 * Records to publish so that peers find the federation (R8, RFC 6120 section 3.2.1): for each domain an SRV record of the
 * federation's hostname and of every node with an address of its own, then the addresses of these names as far as they
 * are known. Empty while no hostname is set: an SRV target is a name, never an address (RFC 2782).
 */
export function dnsRecords({
	intent,
	services,
}: Pick<FederationObservation, "intent" | "services">): readonly DnsRecord[] {
	if (!intent) return [];
	const { ttl, priority, weight } = intent.dns;
	const found = targets(intent, services);
	const service = intent.domains.flatMap((domain) =>
		found.map(({ hostname, port }): SrvRecord => {
			const target = `${hostname}.`;
			const value = `${priority} ${weight} ${port} ${target}`;
			return { name: `_xmpp-server._tcp.${domain}.`, type: "SRV", ttl, priority, weight, port, target, value };
		}),
	);
	const addresses = new Map<string, AddressRecord>();
	for (const { hostname, addresses: list } of found) {
		for (const address of list) {
			const type = isIPv6(address) ? "AAAA" : "A";
			addresses.set(`${hostname} ${address}`, { name: `${hostname}.`, type, ttl, address, value: address });
		}
	}
	return [...service, ...addresses.values()];
}

function targets(
	{ nodes, nodeAddresses, service }: NonNullable<FederationObservation["intent"]>,
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

/** What a load balancer gives as a name is no address: an SRV target must not be an alias of it (RFC 2782). */
function addressesOf(service: ServiceObservation | undefined): readonly string[] {
	return (service?.ingress ?? []).filter((host) => isIP(host) !== 0);
}
