import "reflect-metadata";
import { createPrivateKey, webcrypto } from "node:crypto";
import {
	AuthorityKeyIdentifierExtension,
	BasicConstraintsExtension,
	cryptoProvider,
	ExtendedKeyUsage,
	ExtendedKeyUsageExtension,
	KeyUsageFlags,
	KeyUsagesExtension,
	PemConverter,
	SubjectAlternativeNameExtension,
	SubjectKeyIdentifierExtension,
	X509Certificate,
	X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate and its private key (PKCS #8), both PEM or, where it says so, PEM in base64. */
export interface PemPair {
	readonly certificate: string;
	readonly key: string;
}

/** What a certificate says. */
export interface CertificateContent {
	/** Such as `CN=NAME`. */
	readonly subject: string;
	/** Days from now on for which it is valid. */
	readonly days: number;
	/** It signs certificates, and none of further authorities. Otherwise it is for both ends of TLS connections. */
	readonly isAuthority: boolean;
	/** DNS names in subjectAltName. */
	readonly names: readonly string[];
}

const day = 24 * 60 * 60 * 1000;

/** What every key that the operator makes is, and how it signs. */
const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

cryptoProvider.set(webcrypto);

/**
 * Makes a new key and a certificate (RFC 5280) for it.
 *
 * @param issuer who signs it; undefined: it signs itself
 */
export async function makePair(content: CertificateContent, now: Date, issuer?: PemPair): Promise<PemPair> {
	const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
	const signer = issuer && new X509Certificate(issuer.certificate);
	const certificate = await X509CertificateGenerator.create({
		subject: content.subject,
		issuer: signer?.subject ?? content.subject,
		// One day back: clocks of those who verify may be behind.
		notBefore: new Date(now.getTime() - day),
		notAfter: new Date(now.getTime() + content.days * day),
		signingAlgorithm,
		signingKey: issuer ? await importKey(issuer.key) : keys.privateKey,
		publicKey: keys.publicKey,
		extensions: await extensions(content, keys.publicKey, signer),
	});
	const key = PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
	return { certificate: `${certificate.toString("pem")}\n`, key: `${key}\n` };
}

/** As `Secret.data` takes it. */
export function inBase64({ certificate, key }: PemPair): PemPair {
	const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");
	return { certificate: base64(certificate), key: base64(key) };
}

async function extensions(
	{ isAuthority, names }: CertificateContent,
	publicKey: webcrypto.CryptoKey,
	signer: X509Certificate | undefined,
) {
	const alternatives = names.map((value) => ({ type: "dns" as const, value }));
	return [
		...(isAuthority
			? [
					new BasicConstraintsExtension(true, 0, true),
					new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
					await SubjectKeyIdentifierExtension.create(publicKey),
				]
			: [
					new BasicConstraintsExtension(false, undefined, true),
					new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
					new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
				]),
		...(alternatives.length > 0 ? [new SubjectAlternativeNameExtension(alternatives)] : []),
		...(signer ? [await AuthorityKeyIdentifierExtension.create(signer)] : []),
	];
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
	const pkcs8 = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
	return await webcrypto.subtle.importKey("pkcs8", pkcs8, signingAlgorithm, false, ["sign"]);
}
