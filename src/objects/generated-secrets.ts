import { generatedSecretName, selfSignedSecretName } from "../model/names.ts";
import { objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";

type Owner = { readonly namespace: string; readonly name: string; readonly uid: string };

/** Keys of the generated Secret. */
export const generatedKeys = { dialback: "dialback-secret", link: "link-secret", digestKey: "digest-key" } as const;

/**
 * Random values that the operator makes once for a federation. Immutable: a second operator, or one with a stale cache,
 * cannot replace them.
 *
 * @param values base64
 */
export function generatedSecret(federation: Owner, values: Readonly<Record<keyof typeof generatedKeys, string>>) {
	return {
		apiVersion: "v1" as const,
		kind: "Secret" as const,
		metadata: metadata(federation, generatedSecretName(federation.name), objectLabels(federation.name)),
		type: "Opaque",
		immutable: true,
		data: {
			[generatedKeys.dialback]: values.dialback,
			[generatedKeys.link]: values.link,
			[generatedKeys.digestKey]: values.digestKey,
		},
	};
}

/** The self-signed certificate for a set of domains. @param pair base64 */
export function selfSignedSecret(
	federation: Owner,
	domains: readonly string[],
	pair: { readonly certificate: string; readonly key: string },
) {
	return {
		apiVersion: "v1" as const,
		kind: "Secret" as const,
		metadata: metadata(federation, selfSignedSecretName(federation.name, domains), objectLabels(federation.name)),
		type: "kubernetes.io/tls",
		immutable: true,
		data: { "tls.crt": pair.certificate, "tls.key": pair.key },
	};
}
