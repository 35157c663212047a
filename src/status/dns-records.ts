import { xmppServerPort } from "../model/ports.ts";
import type { FederationObservation } from "./federation-observation.ts";

export interface DnsRecord {
	readonly name: string;
	readonly type: "SRV" | "A" | "AAAA";
	readonly value: string;
}

/**
 * Records to publish so that peers find the federation (R8, RFC 6120 section 3.2.1). Empty while `spec.service.hostname`
 * is not set: an SRV target is a name, never an address (RFC 2782).
 */
export function dnsRecords({ intent, services }: FederationObservation): readonly DnsRecord[] {
	const hostname = intent?.service.hostname;
	if (!intent || !hostname) return [];
	const serviceRecords = intent.domains.map(
		(domain): DnsRecord => ({
			name: `_xmpp-server._tcp.${domain}.`,
			type: "SRV",
			value: `0 0 ${xmppServerPort} ${hostname}.`,
		}),
	);
	const addresses = (services.public?.ingress ?? []).flatMap((host): DnsRecord[] => {
		if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return [{ name: `${hostname}.`, type: "A", value: host }];
		return host.includes(":") ? [{ name: `${hostname}.`, type: "AAAA", value: host }] : [];
	});
	return [...serviceRecords, ...addresses];
}
