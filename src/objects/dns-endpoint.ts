import type { DnsEndpoint } from "../kubernetes/resources.ts";
import type { FederationIntent } from "../model/intent.ts";
import { dnsEndpointName } from "../model/names.ts";
import type { DnsRecord } from "../status/dns-records.ts";
import { objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";

/**
 * What external-dns is to publish: each name and type once, with all that it is to have. Hosts in SRV records keep the dot
 * at their end (RFC 2782), which external-dns demands since 0.22.
 *
 * @param records those of `status.dnsRecords`
 */
export function dnsEndpoint(
	federation: FederationIntent,
	{ annotations, labels }: NonNullable<FederationIntent["dns"]["externalDNS"]>,
	records: readonly DnsRecord[],
): DnsEndpoint {
	const sets = Map.groupBy(records, ({ name, type }) => `${name} ${type}`);
	return {
		apiVersion: "externaldns.k8s.io/v1alpha1",
		kind: "DNSEndpoint",
		metadata: metadata(
			federation,
			dnsEndpointName(federation.name),
			{ ...labels, ...objectLabels(federation.name) },
			annotations,
		),
		spec: {
			endpoints: [...sets.values()].flatMap((set) => {
				const [first] = set;
				if (!first) return [];
				const { name, type, ttl } = first;
				const targets = set.map(({ value }) => value);
				return [{ dnsName: name.replace(/\.$/, ""), recordType: type, recordTTL: ttl, targets }];
			}),
		},
	};
}
