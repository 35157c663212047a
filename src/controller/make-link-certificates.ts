import { randomBytes } from "node:crypto";
import { linkAuthorityDays, linkCertificateDays } from "../model/link-certificate-renewal.ts";
import { makePair, type PemPair } from "./certificate-pair.ts";

/** A certificate authority for the links of one federation. It signs link certificates and no further authority. */
export async function makeLinkAuthority(now: Date): Promise<PemPair> {
	// Two authorities of a federation are told apart by name, too: one takes over from the other.
	const subject = `CN=XMPP federation links ${randomBytes(8).toString("hex")}`;
	return await makePair({ subject, days: linkAuthorityDays, isAuthority: true, names: [] }, now);
}

/** A certificate for both ends of a federation's links. */
export async function makeLinkCertificate(authority: PemPair, name: string, now: Date): Promise<PemPair> {
	// No common name: the name that counts may be longer than its 64 characters.
	const content = { subject: "O=XMPP federation links", days: linkCertificateDays, isAuthority: false, names: [name] };
	return await makePair(content, now, authority);
}
