import type { X509Certificate } from "node:crypto";
import { isPubliclyKnown, isSelfSigned, issued } from "./certificate-chain.ts";
import { certificatesIn, inOneLine, subjectOf } from "./pem.ts";

/** Authorities that a federation trusts beside the public ones, or instead of them. */
export interface TrustedAuthorities {
	readonly certificates: readonly X509Certificate[];
	/** PEM, each once and nothing else: what is written about them in the text changes nothing. */
	readonly bundle: string;
}

/** Not all of it can be used. The message says what and why, without a full stop at the end. */
export class UnusableAuthoritiesError extends Error {}

/** Bytes. All public authorities together take half of it. */
const mostBytes = 512 * 1024;

/**
 * Reads authorities (PEM). Each must be the certificate of an authority that a chain can end at: its own issuer, or one
 * whose issuer is known too, since a chain is followed to a root.
 *
 * @param systemRoots public authorities are known
 * @throws {UnusableAuthoritiesError}
 */
export function readAuthorities(pem: string, systemRoots: boolean): TrustedAuthorities {
	const bytes = Buffer.byteLength(pem);
	if (bytes > mostBytes) throw new UnusableAuthoritiesError(`has ${bytes} bytes, ${mostBytes} are the most`);
	const { certificates: all, broken } = certificatesIn(pem);
	const [first] = broken;
	if (first !== undefined) throw new UnusableAuthoritiesError(`certificate number ${first} in it cannot be read`);
	const certificates = [...new Map(all.map((certificate) => [certificate.fingerprint256, certificate])).values()];
	if (certificates.length === 0) throw new UnusableAuthoritiesError("holds no PEM certificate");
	for (const certificate of certificates) {
		const who = subjectOf(certificate);
		if (!certificate.ca) {
			throw new UnusableAuthoritiesError(
				`${who} is not the certificate of an authority (it lacks the basic constraint CA): take it out, or put its issuer's there`,
			);
		}
		const ends =
			isSelfSigned(certificate) ||
			certificates.some((other) => other !== certificate && issued(other, certificate)) ||
			(systemRoots && isPubliclyKnown(certificate));
		if (!ends) {
			const issuer = inOneLine(certificate.issuer);
			throw new UnusableAuthoritiesError(`${who} is an intermediate, and its issuer is not there: add ${issuer}`);
		}
	}
	return { certificates, bundle: certificates.map((certificate) => certificate.toString()).join("") };
}

/**
 * Which of them verify nothing now, in words without a full stop.
 *
 * @throws {UnusableAuthoritiesError} where none does
 */
export function authoritiesOutOfTime({ certificates }: TrustedAuthorities, now: Date): readonly string[] {
	const out = certificates.flatMap((certificate) => {
		const { validFromDate, validToDate } = certificate;
		if (validToDate <= now) return [`${subjectOf(certificate)} expired at ${validToDate.toISOString()}`];
		if (validFromDate > now) return [`${subjectOf(certificate)} is valid only from ${validFromDate.toISOString()}`];
		return [];
	});
	if (out.length === certificates.length) {
		throw new UnusableAuthoritiesError(`none of its certificates is valid now: ${out[0]}`);
	}
	return out;
}
