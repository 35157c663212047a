import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import { domainToASCII } from "node:url";
import { chainOf, endOfChain, isSelfSigned } from "./certificate-chain.ts";
import { certificatesIn, parseCertificate, subjectOf } from "./pem.ts";

/**
 * What is wrong with the federation's own certificate: a closed list, in the order of what has to be mended first.
 *
 * - Unusable: the gateway cannot use it. Nothing is changed until it is mended; what runs goes on with the one before.
 * - Refused: it is used, and peers that verify certificates refuse it.
 * - Doubtful: it is used, and some peers may refuse it, or all soon will.
 */
export const certificateReasons = {
	Unreadable: "Unusable",
	KeyMismatch: "Unusable",
	WeakKey: "Unusable",
	WeakSignature: "Unusable",
	Expired: "Refused",
	NotYetValid: "Refused",
	NameMissing: "Refused",
	SelfSigned: "Refused",
	ChainIncomplete: "Refused",
	NoServerAuth: "Refused",
	ExpiresSoon: "Doubtful",
	UnknownAuthority: "Doubtful",
	NoClientAuth: "Doubtful",
} as const satisfies Record<string, "Unusable" | "Refused" | "Doubtful">;

type Reasons = typeof certificateReasons;
type ReasonOf<Effect extends Reasons[keyof Reasons]> = {
	[Reason in keyof Reasons]: Reasons[Reason] extends Effect ? Reason : never;
}[keyof Reasons];

/** What the federation's certificate is worth to peers. */
export interface CertificateFacts {
	/** End of the validity of the certificate or of an intermediate that comes with it, whichever ends first. */
	readonly notAfter: Date;
	/** In the order of {@link certificateReasons}; empty where peers have nothing to object to. */
	readonly findings: readonly CertificateFinding[];
	/** When time alone changes the findings next; undefined where it never will. */
	readonly changesAt: Date | undefined;
}

export interface CertificateFinding {
	readonly reason: ReasonOf<"Refused" | "Doubtful">;
	/** What is wrong and what to do, without a full stop at the end. */
	readonly message: string;
}

/** Subject of the certificates that the operator signs itself. The names that count are in subjectAltName. */
export const selfSignedSubject = "CN=XMPP federation (self-signed)";

/** The message names the key of the Secret and never shows its content. */
export interface UnusableCertificate {
	readonly reason: ReasonOf<"Unusable">;
	readonly message: string;
}

/** The gateway cannot use the certificate. */
export class UnusableCertificateError extends Error implements UnusableCertificate {
	readonly reason: ReasonOf<"Unusable">;

	constructor(reason: ReasonOf<"Unusable">, message: string) {
		super(message);
		this.reason = reason;
	}
}

const day = 24 * 60 * 60 * 1000;
/** Milliseconds before the end from which on it is told: whatever renews certificates has failed by then. */
const soon = 21 * day;
/** Of certificates that are made for less than nine weeks, the last third. */
const soonPart = 1 / 3;

/**
 * Looks at a certificate chain and its key, both PEM. The first certificate must be the server's own; the others may come
 * in any order.
 *
 * @param authorities that count as known beside the public ones
 * @throws {UnusableCertificateError}
 */
export function inspectCertificate(
	chainPem: string,
	keyPem: string,
	domains: readonly string[],
	now: Date,
	authorities: readonly X509Certificate[] = [],
): CertificateFacts {
	const { certificates, broken } = certificatesIn(chainPem);
	const [own, ...others] = certificates;
	if (!own) throw new UnusableCertificateError("Unreadable", "tls.crt holds no PEM certificate");
	if (broken.length > 0)
		throw new UnusableCertificateError("Unreadable", "tls.crt holds a block that is no certificate");
	if (!own.checkPrivateKey(parseKey(keyPem))) {
		const message = "tls.key is not the key of the first certificate in tls.crt, which must be the server's own";
		throw new UnusableCertificateError("KeyMismatch", message);
	}
	for (const certificate of certificates) refuseWeak(certificate);

	const chain = chainOf(own, others);
	const validity = validityOf(chain);
	const found = [
		timeFinding(validity, now),
		nameFinding(own, domains),
		chainFinding(chain, authorities),
		...usageFindings(own),
	].filter((finding) => finding !== undefined);
	return {
		notAfter: validity.notAfter,
		findings: found.toSorted((a, b) => rank(a) - rank(b)),
		changesAt: [validity.notBefore, validity.soonAfter, validity.notAfter].find((at) => at > now),
	};
}

/** Whether a certificate (PEM) is one that the operator signed itself for these domains, and no others. */
export function isSelfSignedFor(pem: string, domains: readonly string[]): boolean {
	const { subject, subjectAltName } = parseCertificate(pem) ?? {};
	return subject === selfSignedSubject && subjectAltName === domains.map((domain) => `DNS:${domain}`).join(", ");
}

function rank({ reason }: CertificateFinding): number {
	return Object.keys(certificateReasons).indexOf(reason);
}

function parseKey(pem: string): KeyObject {
	try {
		return createPrivateKey(pem);
	} catch {
		throw new UnusableCertificateError("Unreadable", "tls.key holds no unencrypted PEM private key");
	}
}

/** P-256, P-384 and P-521 as OpenSSL calls them. */
const curves = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/**
 * What OpenSSL's security level 2, which Debian sets, does not load: keys and digests of less than 112 bits. A root that
 * comes along is verified by nobody, so its signature may be what it likes.
 */
function refuseWeak(certificate: X509Certificate): void {
	const { modulusLength, namedCurve } = certificate.publicKey.asymmetricKeyDetails ?? {};
	const who = `the certificate in tls.crt for ${subjectOf(certificate)}`;
	if (modulusLength !== undefined && modulusLength < 2048) {
		const message = `${who} has a key of ${modulusLength} bits: use RSA with 2048 bits or more, or ECDSA P-256`;
		throw new UnusableCertificateError("WeakKey", message);
	}
	if (namedCurve !== undefined && !curves.has(namedCurve)) {
		const message = `${who} has a key on the curve ${namedCurve}, which is weak or not for TLS: use P-256 or P-384`;
		throw new UnusableCertificateError("WeakKey", message);
	}
	const { signatureAlgorithm = "" } = certificate;
	if (/md[245]|sha1(?!\d)/i.test(signatureAlgorithm) && !isSelfSigned(certificate)) {
		const message = `${who} is signed with ${signatureAlgorithm}, which can be forged: get one that is signed with SHA-256 or better`;
		throw new UnusableCertificateError("WeakSignature", message);
	}
}

interface Validity {
	readonly notBefore: Date;
	readonly soonAfter: Date;
	readonly notAfter: Date;
	/** The intermediate that ends first, where it is one. */
	readonly intermediate: X509Certificate | undefined;
}

/** A chain is valid while all of it is, but for a root, which peers have themselves. */
function validityOf(chain: readonly X509Certificate[]): Validity {
	const sent = chain.filter((certificate, index) => index === 0 || !isSelfSigned(certificate));
	const [first] = sent.toSorted((a, b) => a.validToDate.getTime() - b.validToDate.getTime());
	const [last] = sent.toSorted((a, b) => b.validFromDate.getTime() - a.validFromDate.getTime());
	if (!first || !last) throw new Error("a chain has a certificate at least");
	const [notBefore, notAfter] = [last.validFromDate, first.validToDate];
	const left = Math.min(soon, (notAfter.getTime() - first.validFromDate.getTime()) * soonPart);
	return {
		notBefore,
		soonAfter: new Date(notAfter.getTime() - left),
		notAfter,
		intermediate: first === chain[0] ? undefined : first,
	};
}

function timeFinding(validity: Validity, now: Date): CertificateFinding | undefined {
	const { notBefore, soonAfter, notAfter, intermediate } = validity;
	const what = intermediate ? `its intermediate ${subjectOf(intermediate)} ` : "it ";
	const end = notAfter.toISOString();
	if (notAfter <= now) return { reason: "Expired", message: `${what}expired at ${end}: renew it` };
	if (notBefore > now) {
		const message = `it is valid only from ${notBefore.toISOString()}: wait, or check the clocks`;
		return { reason: "NotYetValid", message };
	}
	if (soonAfter > now) return undefined;
	return { reason: "ExpiresSoon", message: `${what}expires at ${end}: see why it has not been renewed, and renew it` };
}

/**
 * Names come from subjectAltName; a common name does not count (RFC 6125 section 6.4.4). A name may be a DNS name, an
 * SRVName or an XmppAddr (RFC 6120 section 13.7.1.2). `*` stands for one whole label (RFC 6125 section 6.4.3), so that
 * `*.example.com` is not `example.com`.
 */
function nameFinding(certificate: X509Certificate, domains: readonly string[]): CertificateFinding | undefined {
	const others = otherNames(certificate.subjectAltName ?? "");
	const options = { subject: "never", partialWildcards: false } as const;
	const missing = domains.filter(
		(domain) => !others.has(domain) && certificate.checkHost(domain, options) === undefined,
	);
	if (missing.length === 0) return undefined;
	const wildcard = missing.find((domain) => certificate.checkHost(`a.${domain}`, options) !== undefined);
	const hint = wildcard === undefined ? "" : ` (*.${wildcard} does not stand for ${wildcard} itself)`;
	const message = `it has no subjectAltName for ${missing.join(", ")}${hint}: get one with a DNS name for every domain`;
	return { reason: "NameMissing", message };
}

/** Node gives the names as a text, each that has a comma in it as JSON. */
function otherNames(subjectAltName: string): ReadonlySet<string> {
	const found = [...subjectAltName.matchAll(/othername:(?:SRVName:_xmpp-server\.|XmppAddr:)([^,\s"]+)/g)];
	return new Set(found.map(([, name = ""]) => domainToASCII(name)));
}

function chainFinding(
	chain: readonly [X509Certificate, ...X509Certificate[]],
	authorities: readonly X509Certificate[],
): CertificateFinding | undefined {
	if (isSelfSigned(chain[0])) {
		const message = "it is self-signed: get one from an authority that peers know";
		return { reason: "SelfSigned", message };
	}
	const end = endOfChain(chain, authorities);
	if (end.known) return undefined;
	if (end.source !== undefined) {
		const message = `the chain in tls.crt ends before ${end.issuer}: append that certificate (${end.source})`;
		return { reason: "ChainIncomplete", message };
	}
	const message =
		`the chain ends at ${end.issuer}, which is no public authority: peers must know it, or tls.crt lacks an intermediate ` +
		"certificate. An authority in spec.security.trustedCAs counts as known";
	return { reason: "UnknownAuthority", message };
}

const serverAuth = "1.3.6.1.5.5.7.3.1";
const clientAuth = "1.3.6.1.5.5.7.3.2";
const anyUsage = "2.5.29.37.0";

function* usageFindings({ keyUsage: usages }: X509Certificate): Generator<CertificateFinding> {
	// A certificate that names no extended key usage may be used for all (RFC 5280 section 4.2.1.12).
	if (!usages || usages.length === 0 || usages.includes(anyUsage)) return;
	if (!usages.includes(serverAuth)) {
		const message = "its extended key usage lacks serverAuth, so peers that connect refuse it: get one with serverAuth";
		yield { reason: "NoServerAuth", message };
	}
	if (!usages.includes(clientAuth)) {
		const message =
			"its extended key usage lacks clientAuth, which public authorities no longer give: most peers take it or use " +
			"dialback, but Cisco Expressway and older ejabberd refuse outgoing streams";
		yield { reason: "NoClientAuth", message };
	}
}
