import { z } from "zod";
import { ApiError, describeRefusal } from "../kubernetes/errors.ts";
import type { DnsEndpoint } from "../kubernetes/resources.ts";
import type { FederationIntent } from "../model/intent.ts";
import type { Problem } from "../model/problem.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { dnsEndpoint } from "../objects/dns-endpoint.ts";
import type { DnsRecord } from "../status/dns-records.ts";
import type { FederationWriter } from "./federation-writer.ts";
import type { OptionalKind } from "./optional-kind.ts";

/** Read by itself and leniently, whatever version the status is of. */
const publishedBefore = z.object({ effective: z.object({ externalDNS: z.object({ enabled: z.literal(true) }) }) });

/**
 * Tells external-dns which records to publish, where that is asked for, and takes it back where it is not any more. A
 * federation does not depend on it: what stands in the way of it stands in the way of nothing else.
 *
 * @param key `NAMESPACE/NAME` of the federation
 * @returns what is to be said of it
 */
export async function ensureDnsEndpoint(
	key: string,
	federation: StoredFederation,
	intent: FederationIntent,
	records: readonly DnsRecord[],
	kind: OptionalKind<DnsEndpoint>,
	writer: FederationWriter,
): Promise<readonly Problem[]> {
	const { externalDNS } = intent.dns;
	if (!externalDNS && !kind.isUsed && !publishedBefore.safeParse(federation.status).success) return [];
	const field = "spec.dns.externalDNS";
	try {
		const told = await kind.use(async ({ store, objects }) => {
			if (externalDNS) await writer.applyOf(objects, dnsEndpoint(intent, externalDNS, records));
			else for (const former of store.byIndex(key)) await writer.removeOf(objects, former);
			return true;
		});
		if (told || !externalDNS) return [];
	} catch (error) {
		if (!(error instanceof ApiError) || !error.isRefusal) throw error;
		return [{ reason: "Forbidden", field, message: `${describeRefusal(error)}: ${error.message}.` }];
	}
	const message =
		"the Kubernetes cluster has no DNSEndpoints of externaldns.k8s.io/v1alpha1, so nothing publishes the records. " +
		"Install external-dns with its custom resource definition, or publish status.dnsRecords yourself and set enabled: false.";
	return [{ reason: "ExternalDNSMissing", field, message }];
}
