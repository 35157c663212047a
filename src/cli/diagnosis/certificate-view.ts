import type { X509Certificate } from "node:crypto";
import { inOneLine } from "../../model/pem.ts";
import type { CertificateView } from "./facts.ts";

/** What of a certificate can be compared between clusters. */
export function certificateView(certificate: X509Certificate): Omit<CertificateView, "from"> {
	const names = [...(certificate.subjectAltName ?? "").matchAll(/DNS:([^,\s]+)/g)].map(([, name = ""]) => name);
	return { issuer: inOneLine(certificate.issuer), names: names.toSorted(), notAfter: certificate.validToDate };
}
