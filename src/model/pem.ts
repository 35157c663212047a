import { X509Certificate } from "node:crypto";

const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n?/g;

export interface CertificatesInPem {
	/** In the order of the text. */
	readonly certificates: readonly X509Certificate[];
	/** Which blocks say that they are a certificate and are none, counted from 1. */
	readonly broken: readonly number[];
	/** The text has nothing else. */
	readonly only: boolean;
}

/** The certificates in a PEM text. */
export function certificatesIn(pem: string): CertificatesInPem {
	const blocks = pem.match(block) ?? [];
	const parsed = blocks.map(parseCertificate);
	return {
		certificates: parsed.filter((certificate) => certificate !== undefined),
		broken: parsed.flatMap((certificate, index) => (certificate ? [] : [index + 1])),
		only: pem.replaceAll(block, "").trim() === "",
	};
}

/** The first certificate of a PEM text; undefined where there is none. */
export function parseCertificate(pem: string | undefined): X509Certificate | undefined {
	try {
		return pem ? new X509Certificate(pem) : undefined;
	} catch {
		return undefined;
	}
}

/** Who a certificate is for, in one line. */
export function subjectOf({ subject, serialNumber }: X509Certificate): string {
	return subject ? inOneLine(subject) : `serial number ${serialNumber}`;
}

/** A name of an X.509 certificate, which Node gives with a line for each part. */
export function inOneLine(name: string): string {
	return name.replaceAll("\n", ", ");
}
