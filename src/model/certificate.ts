import { createPrivateKey, X509Certificate } from "node:crypto";

/** What the federation's certificate is worth to peers. */
export interface CertificateFacts {
	/** End of the validity of the first certificate of the chain. */
	readonly notAfter: Date;
	/** What peers will object to, in words; empty when nothing. */
	readonly objections: readonly CertificateObjection[];
}

export interface CertificateObjection {
	readonly reason: "NotYetValid" | "Expired" | "NameMissing";
	readonly message: string;
}

/** Subject of the certificates that the operator signs itself. The names that count are in subjectAltName. */
export const selfSignedSubject = "CN=XMPP federation (self-signed)";

/** The certificate cannot be used at all. The message names the key of the Secret and never shows its content. */
export class UnusableCertificateError extends Error {}

/**
 * Looks at a certificate chain and its key, both PEM. The first certificate must be the server's own.
 *
 * @throws UnusableCertificateError where one does not parse or they do not belong together
 */
export function inspectCertificate(
	chainPem: string,
	keyPem: string,
	domains: readonly string[],
	now: Date,
): CertificateFacts {
	const certificate = parseFirst(chainPem);
	if (!certificate.checkPrivateKey(parseKey(keyPem))) {
		throw new UnusableCertificateError("tls.key is not the key of the first certificate in tls.crt");
	}
	return { notAfter: certificate.validToDate, objections: [...objections(certificate, domains, now)] };
}

/** Whether a certificate (PEM) is one that the operator signed itself for these domains, and no others. */
export function isSelfSignedFor(pem: string, domains: readonly string[]): boolean {
	try {
		const { subject, subjectAltName } = new X509Certificate(pem);
		return subject === selfSignedSubject && subjectAltName === domains.map((domain) => `DNS:${domain}`).join(", ");
	} catch {
		return false;
	}
}

function parseFirst(pem: string): X509Certificate {
	try {
		return new X509Certificate(pem);
	} catch {
		throw new UnusableCertificateError("tls.crt holds no PEM certificate");
	}
}

function parseKey(pem: string) {
	try {
		return createPrivateKey(pem);
	} catch {
		throw new UnusableCertificateError("tls.key holds no unencrypted PEM private key");
	}
}

function* objections(
	certificate: X509Certificate,
	domains: readonly string[],
	now: Date,
): Generator<CertificateObjection> {
	if (certificate.validFromDate > now) {
		yield { reason: "NotYetValid", message: `valid only from ${certificate.validFromDate.toISOString()}` };
	}
	if (certificate.validToDate <= now) {
		yield { reason: "Expired", message: `expired at ${certificate.validToDate.toISOString()}` };
	}
	// RFC 6125: names come from subjectAltName; a common name does not count.
	const missing = domains.filter((domain) => certificate.checkHost(domain, { subject: "never" }) === undefined);
	if (missing.length > 0) {
		yield { reason: "NameMissing", message: `no subjectAltName for ${missing.join(", ")}` };
	}
}
