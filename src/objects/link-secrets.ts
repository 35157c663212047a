import { linkAuthoritySecretName, linkCertificateSecretName } from "../model/names.ts";
import { writtenAtAnnotation } from "./annotations.ts";
import { objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";

/** The federation that a Secret is of. */
export type Owner = { readonly namespace: string; readonly name: string; readonly uid: string };
type Pair = { readonly certificate: string; readonly key: string };

/** The authority that signs link certificates. No pod mounts it. @param pair base64 */
export function linkAuthoritySecret(federation: Owner, pair: Pair) {
	return tlsSecret(federation, linkAuthoritySecretName(federation.name), pair, {}, {});
}

/**
 * What both ends of a link need. Every gateway pod of the federation mounts it, whatever its revision: it is renewed while
 * they run.
 *
 * @param pair base64
 * @param trusted PEM certificates of authorities
 */
export function linkCertificateSecret(federation: Owner, pair: Pair, trusted: readonly string[], now: Date) {
	const bundle = trusted.map((pem) => `${pem.trim()}\n`).join("");
	return tlsSecret(
		federation,
		linkCertificateSecretName(federation.name),
		pair,
		{ "ca.crt": Buffer.from(bundle, "utf8").toString("base64") },
		{ [writtenAtAnnotation]: now.toISOString() },
	);
}

function tlsSecret(
	federation: Owner,
	name: string,
	{ certificate, key }: Pair,
	more: Readonly<Record<string, string>>,
	annotations: Record<string, string>,
) {
	return {
		apiVersion: "v1" as const,
		kind: "Secret" as const,
		metadata: metadata(federation, name, objectLabels(federation.name), annotations),
		type: "kubernetes.io/tls",
		data: { "tls.crt": certificate, "tls.key": key, ...more },
	};
}
