import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { inOneLine, subjectOf } from "./pem.ts";

/** A certificate and its issuers as far as they are among the others, in order. */
export function chainOf(
	own: X509Certificate,
	others: readonly X509Certificate[],
): readonly [X509Certificate, ...X509Certificate[]] {
	const chain: [X509Certificate, ...X509Certificate[]] = [own];
	const left = new Set(others);
	for (let last: X509Certificate | undefined = own; last && !isSelfSigned(last); ) {
		const child: X509Certificate = last;
		last = [...left].find((candidate) => issued(candidate, child));
		if (!last) break;
		left.delete(last);
		chain.push(last);
	}
	return chain;
}

export type EndOfChain =
	| { readonly known: true }
	| {
			readonly known: false;
			/** Name of the authority that it ends at or before. */
			readonly issuer: string;
			/** Where the certificate of the missing issuer is to be had, as the last one in the chain says. */
			readonly source?: string;
	  };

/**
 * Whether a chain reaches an authority that is known: one that Mozilla's list has, as Node carries it, or one of those that
 * are given. A root of somebody's own cannot be told from a missing intermediate but by where its certificate is to be
 * had: only issuers that are no roots are named there.
 */
export function endOfChain(
	chain: readonly [X509Certificate, ...X509Certificate[]],
	authorities: readonly X509Certificate[],
): EndOfChain {
	const last = chain.at(-1) ?? chain[0];
	const isKnown = authorities.some((one) => one.fingerprint256 === last.fingerprint256 || issued(one, last));
	if (isKnown || isPubliclyKnown(last)) return { known: true };
	if (isSelfSigned(last)) return { known: false, issuer: subjectOf(last) };
	const source = /^CA Issuers - URI:(.+)$/m.exec(last.infoAccess ?? "")?.[1];
	return { known: false, issuer: inOneLine(last.issuer), ...(source !== undefined && { source }) };
}

/** Also one that may sign no others. */
export function isSelfSigned(certificate: X509Certificate): boolean {
	return certificate.issuer === certificate.subject && certificate.verify(certificate.publicKey);
}

/** Whether a certificate says that it was issued by the other one, may have been, and the other one's key proves it. */
export function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
	return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** Whether a certificate is that of a public authority, or issued by one. */
export function isPubliclyKnown(certificate: X509Certificate): boolean {
	const named = publicAuthorities().get(certificate.issuer) ?? [];
	return named.some((one) => one.fingerprint256 === certificate.fingerprint256 || issued(one, certificate));
}

let publicOnes: ReadonlyMap<string, readonly X509Certificate[]> | undefined;

/** By their names. Read once, when first asked for: it takes some milliseconds. */
function publicAuthorities(): ReadonlyMap<string, readonly X509Certificate[]> {
	publicOnes ??= Map.groupBy(
		rootCertificates.map((pem) => new X509Certificate(pem)),
		({ subject }) => subject,
	);
	return publicOnes;
}
