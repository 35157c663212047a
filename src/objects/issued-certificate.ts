import { defaults } from "../api/defaults.ts";
import type { XmppFederation } from "../api/xmpp-federation.ts";
import type { Certificate } from "../kubernetes/resources.ts";
import { issuedCertificateName } from "../model/names.ts";
import { objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";

type Owner = { readonly namespace: string; readonly name: string; readonly uid: string };
type IssuerRef = NonNullable<NonNullable<NonNullable<XmppFederation["spec"]["security"]>["certificate"]>["issuerRef"]>;

/**
 * What cert-manager is asked for: a certificate for all domains that can be shown on streams of both directions (RFC 6120
 * section 13.7.1.2), in a Secret of the same name. The key is another one with each renewal.
 */
export function issuedCertificate(
	federation: Owner,
	domains: readonly string[],
	{ name, kind = defaults.issuerKind, group = defaults.issuerGroup }: IssuerRef,
): Certificate {
	const certificateName = issuedCertificateName(federation.name);
	return {
		apiVersion: "cert-manager.io/v1",
		kind: "Certificate",
		metadata: metadata(federation, certificateName, objectLabels(federation.name)),
		spec: {
			secretName: certificateName,
			dnsNames: domains,
			usages: ["digital signature", "server auth", "client auth"],
			privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
			issuerRef: { name, kind, group },
		},
	};
}
