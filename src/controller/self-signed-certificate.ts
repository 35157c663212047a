import "reflect-metadata";
import {
	BasicConstraintsExtension,
	ExtendedKeyUsage,
	ExtendedKeyUsageExtension,
	KeyUsageFlags,
	KeyUsagesExtension,
	SubjectAlternativeNameExtension,
	X509CertificateGenerator,
} from "@peculiar/x509";
import { selfSignedSubject } from "../model/certificate.ts";
import { inBase64, makePair, type PemPair, signingAlgorithm, validity } from "./certificate-pair.ts";

/** Nobody verifies it, so nothing is won by renewing it: 10 years. */
const validDays = 3650;

/**
 * A certificate for the domains, signed with its own key, usable as server and as client, since one certificate serves
 * both directions (RFC 6120 section 13.7.1.2).
 *
 * @returns PEM in base64, as `Secret.data` takes it
 */
export async function makeSelfSignedCertificate(domains: readonly string[], now: Date): Promise<PemPair> {
	const pair = await makePair((keys) =>
		X509CertificateGenerator.createSelfSigned({
			name: selfSignedSubject,
			...validity(now, validDays),
			signingAlgorithm,
			keys,
			extensions: [
				new BasicConstraintsExtension(false, undefined, true),
				new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
				new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
				new SubjectAlternativeNameExtension(domains.map((value) => ({ type: "dns", value }))),
			],
		}),
	);
	return inBase64(pair);
}
