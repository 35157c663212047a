import { z } from "zod";
import type { Certificate } from "../kubernetes/resources.ts";
import type { Issuance } from "../model/federation-inputs.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { issuedCertificate } from "../objects/issued-certificate.ts";
import type { FederationWriter } from "./federation-writer.ts";
import type { OptionalKind } from "./optional-kind.ts";

/** Read by itself and leniently, whatever version the status is of. */
const issuedBefore = z.object({ effective: z.object({ certificate: z.literal("Issued") }) });

/**
 * Asks cert-manager for the certificate of a federation that names an issuer, and takes that back where it names none any
 * more. What was issued stays: other things of the user may use the Secret.
 *
 * @param key `NAMESPACE/NAME` of the federation
 * @param domains that the certificate is to be for
 * @returns undefined where no issuer is named
 */
export async function ensureIssuance(
	key: string,
	federation: StoredFederation,
	domains: readonly string[],
	certificates: OptionalKind<Certificate>,
	writer: FederationWriter,
): Promise<Issuance | undefined> {
	const { issuerRef } = federation.spec.security?.certificate ?? {};
	if (!issuerRef && !certificates.isUsed && !issuedBefore.safeParse(federation.status).success) return undefined;
	if (!issuerRef) {
		await certificates.use(async ({ store, objects }) => {
			for (const former of store.byIndex(key)) await writer.removeOf(objects, former);
		});
		return undefined;
	}
	const issuance = await certificates.use(async ({ objects }) => {
		const certificate = await writer.applyOf(objects, issuedCertificate(federation.metadata, domains, issuerRef));
		return certificate ? saidOf(certificate) : { ready: false, message: "It could not be made; see Degraded." };
	});
	return issuance ?? "NoCertManager";
}

function saidOf({ metadata, status }: Certificate): Issuance {
	const ready = status?.conditions?.find(({ type }) => type === "Ready");
	const isNew = (ready?.observedGeneration ?? metadata.generation) === metadata.generation;
	if (!ready || !isNew) return { ready: false, message: "" };
	const said = `cert-manager says ${ready.reason ?? "nothing"}: ${ready.message ?? ""}`.replace(/[.:\s]*$/, ".");
	return { ready: ready.status === "True", message: said };
}
