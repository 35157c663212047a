import { selfSignedSubject } from "../model/certificate.ts";
import { inBase64, makePair, type PemPair } from "./certificate-pair.ts";

/** Nobody verifies it, so nothing is won by renewing it: 10 years. */
const validDays = 3650;

/**
 * A certificate for the domains, signed with its own key, usable as server and as client, since one certificate serves
 * both directions (RFC 6120 section 13.7.1.2).
 *
 * @returns PEM in base64, as `Secret.data` takes it
 */
export async function makeSelfSignedCertificate(domains: readonly string[], now: Date): Promise<PemPair> {
	const content = { subject: selfSignedSubject, days: validDays, isAuthority: false, names: domains };
	return inBase64(await makePair(content, now));
}
