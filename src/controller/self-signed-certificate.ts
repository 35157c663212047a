import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
	BasicConstraintsExtension,
	cryptoProvider,
	ExtendedKeyUsage,
	ExtendedKeyUsageExtension,
	KeyUsageFlags,
	KeyUsagesExtension,
	PemConverter,
	SubjectAlternativeNameExtension,
	X509CertificateGenerator,
} from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** Nobody verifies it, so nothing is won by renewing it: 10 years. */
const validDays = 3650;

/**
 * A certificate for the domains, signed with its own key, usable as server and as client, since one certificate serves
 * both directions (RFC 6120 section 13.7.1.2).
 *
 * @returns PEM in base64, as `Secret.data` takes it
 */
export async function makeSelfSignedCertificate(
	domains: readonly string[],
	now: Date,
): Promise<{ certificate: string; key: string }> {
	cryptoProvider.set(webcrypto);
	const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
	const day = 24 * 60 * 60 * 1000;
	const certificate = await X509CertificateGenerator.createSelfSigned({
		// A common name is limited to 64 characters; the names that count are in subjectAltName.
		name: "CN=XMPP federation (self-signed)",
		// Peers' clocks may be behind.
		notBefore: new Date(now.getTime() - day),
		notAfter: new Date(now.getTime() + validDays * day),
		signingAlgorithm: algorithm,
		keys,
		extensions: [
			new BasicConstraintsExtension(false, undefined, true),
			new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
			new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
			new SubjectAlternativeNameExtension(domains.map((value) => ({ type: "dns", value }))),
		],
	});
	const key = PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
	return { certificate: base64(`${certificate.toString("pem")}\n`), key: base64(`${key}\n`) };
}

function base64(text: string): string {
	return Buffer.from(text, "utf8").toString("base64");
}
