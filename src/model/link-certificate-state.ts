import { createPrivateKey, type X509Certificate } from "node:crypto";
import { issued } from "./certificate-chain.ts";
import { certificatesIn, parseCertificate } from "./pem.ts";

/** One of the federation's authorities as far as its certificate tells. */
export interface LinkAuthority {
	/** SHA-256 fingerprint of its certificate. */
	readonly id: string;
	readonly notBefore: Date;
	readonly notAfter: Date;
}

/** `broken`: somebody or something spoilt it; otherwise it was never made, or its time is over. */
export interface Unusable {
	readonly usable: false;
	readonly problem: string;
	readonly broken: boolean;
}

export interface LinkCertificateState {
	/** The one whose key is there. */
	readonly authority: (LinkAuthority & { readonly usable: true }) | Unusable;
	/** The Secret that pods mount. */
	readonly published: {
		/** Certificates in ca.crt. */
		readonly trusted: readonly LinkAuthority[];
		/** Nothing else is in ca.crt, and nothing twice. */
		readonly tidy: boolean;
		readonly certificate:
			| {
					readonly usable: true;
					/** Id of the authority that signed it. */
					readonly issuer: string;
					readonly notBefore: Date;
					readonly notAfter: Date;
			  }
			| Unusable;
		/** When it was last written; undefined where that is not known. */
		readonly since: Date | undefined;
	};
}

/** Texts of the two Secrets; undefined where there is no Secret or no such key in it. */
export interface LinkCertificateTexts {
	readonly authority: { readonly certificate?: string | undefined; readonly key?: string | undefined } | undefined;
	readonly published:
		| {
				readonly certificate?: string | undefined;
				readonly key?: string | undefined;
				readonly trusted?: string | undefined;
				/** RFC 3339. */
				readonly since?: string | undefined;
		  }
		| undefined;
}

/** Reads what is in the Secrets, whoever wrote it. @param name that the link certificate must be for */
export function inspectLinkCertificates(texts: LinkCertificateTexts, name: string, now: Date): LinkCertificateState {
	const authority = inspectAuthority(texts.authority, now);
	const blocks = authoritiesIn(texts.published?.trusted ?? "");
	const trusted = [...new Map(blocks.found.map((certificate) => [certificate.fingerprint256, certificate])).values()];
	const since = new Date(texts.published?.since ?? "");
	return {
		authority: authority.usable ? { usable: true, ...describe(authority.certificate) } : authority,
		published: {
			trusted: trusted.map(describe),
			tidy: blocks.only && trusted.length === blocks.found.length,
			certificate: inspectCertificate(
				texts.published,
				[...trusted, ...(authority.usable ? [authority.certificate] : [])],
				name,
				now,
			),
			since: Number.isNaN(since.getTime()) ? undefined : since,
		},
	};
}

/** The certificates with these ids in a PEM text, in the order of the ids. */
export function pickCertificates(pem: string, ids: readonly string[]): readonly string[] {
	const { found } = authoritiesIn(pem);
	return ids.flatMap((id) => found.find(({ fingerprint256 }) => fingerprint256 === id)?.toString() ?? []);
}

function inspectAuthority(
	texts: LinkCertificateTexts["authority"],
	now: Date,
): { readonly usable: true; readonly certificate: X509Certificate } | Unusable {
	if (!texts) return { usable: false, problem: "there is none", broken: false };
	const certificate = parseCertificate(texts.certificate);
	if (!certificate?.ca) return broken("tls.crt holds no certificate of an authority");
	// What makeLinkCertificate signs with.
	if (certificate.publicKey.asymmetricKeyDetails?.namedCurve !== "prime256v1")
		return broken("its key is not ECDSA P-256");
	return (
		timeProblem(certificate, now) ??
		(hasKey(certificate, texts.key) ? { usable: true, certificate } : broken("tls.key is not the key of tls.crt"))
	);
}

function inspectCertificate(
	texts: LinkCertificateTexts["published"],
	authorities: readonly X509Certificate[],
	name: string,
	now: Date,
): LinkCertificateState["published"]["certificate"] {
	if (!texts) return { usable: false, problem: "there is none", broken: false };
	const certificate = parseCertificate(texts.certificate);
	if (!certificate) return broken("tls.crt holds no certificate");
	if (!hasKey(certificate, texts.key)) return broken("tls.key is not the key of tls.crt");
	const problem = timeProblem(certificate, now);
	if (problem) return problem;
	if (certificate.checkHost(name, { subject: "never", wildcards: false }) === undefined) {
		return broken(`tls.crt is not for ${name}`);
	}
	const issuer = authorities.find((one) => !timeProblem(one, now) && issued(one, certificate));
	if (!issuer) return broken("tls.crt was signed by no authority that is trusted");
	const { notBefore, notAfter } = describe(certificate);
	return { usable: true, issuer: issuer.fingerprint256, notBefore, notAfter };
}

function broken(problem: string): Unusable {
	return { usable: false, problem, broken: true };
}

/** Made by a clock that was wrong, or past its time. */
function timeProblem({ validFromDate, validToDate }: X509Certificate, now: Date): Unusable | undefined {
	if (validFromDate > now) return broken(`it is not valid before ${validFromDate.toISOString()}`);
	if (validToDate <= now) return broken(`it has expired at ${validToDate.toISOString()}`);
	return undefined;
}

function describe({ fingerprint256, validFromDate, validToDate }: X509Certificate): LinkAuthority {
	return { id: fingerprint256, notBefore: validFromDate, notAfter: validToDate };
}

function hasKey(certificate: X509Certificate, pem: string | undefined): boolean {
	try {
		return pem !== undefined && certificate.checkPrivateKey(createPrivateKey(pem));
	} catch {
		return false;
	}
}

/** `only`: the text has nothing else. */
function authoritiesIn(pem: string): { readonly found: readonly X509Certificate[]; readonly only: boolean } {
	const all = certificatesIn(pem);
	const found = all.certificates.filter(({ ca }) => ca);
	return { found, only: all.only && all.broken.length === 0 && found.length === all.certificates.length };
}
