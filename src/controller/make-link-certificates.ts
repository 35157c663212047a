import "reflect-metadata";
import { createPrivateKey, randomBytes, webcrypto } from "node:crypto";
import {
	AuthorityKeyIdentifierExtension,
	BasicConstraintsExtension,
	ExtendedKeyUsage,
	ExtendedKeyUsageExtension,
	KeyUsageFlags,
	KeyUsagesExtension,
	SubjectAlternativeNameExtension,
	SubjectKeyIdentifierExtension,
	X509Certificate,
	X509CertificateGenerator,
} from "@peculiar/x509";
import { linkAuthorityDays, linkCertificateDays } from "../model/link-certificate-renewal.ts";
import { makePair, type PemPair, signingAlgorithm, validity } from "./certificate-pair.ts";

/** A certificate authority for the links of one federation. It signs link certificates and no further authority. */
export async function makeLinkAuthority(now: Date): Promise<PemPair> {
	return await makePair(async (keys) =>
		X509CertificateGenerator.createSelfSigned({
			// Two authorities of a federation are told apart by name, too: one takes over from the other.
			name: `CN=XMPP federation links ${randomBytes(8).toString("hex")}`,
			...validity(now, linkAuthorityDays),
			signingAlgorithm,
			keys,
			extensions: [
				new BasicConstraintsExtension(true, 0, true),
				new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
				await SubjectKeyIdentifierExtension.create(keys.publicKey),
			],
		}),
	);
}

/** A certificate for both ends of a federation's links. */
export async function makeLinkCertificate(authority: PemPair, name: string, now: Date): Promise<PemPair> {
	const issuer = new X509Certificate(authority.certificate);
	const signingKey = await importKey(authority.key);
	return await makePair(async (keys) =>
		X509CertificateGenerator.create({
			// No common name: the name that counts may be longer than its 64 characters.
			subject: "O=XMPP federation links",
			issuer: issuer.subject,
			...validity(now, linkCertificateDays),
			signingAlgorithm,
			signingKey,
			publicKey: keys.publicKey,
			extensions: [
				new BasicConstraintsExtension(false, undefined, true),
				new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
				new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
				new SubjectAlternativeNameExtension([{ type: "dns", value: name }]),
				await AuthorityKeyIdentifierExtension.create(issuer),
			],
		}),
	);
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
	const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
	return await webcrypto.subtle.importKey("pkcs8", der, signingAlgorithm, false, ["sign"]);
}
