import { domainToUnicode } from "node:url";

/**
 * A domain as it stands in XMPP addresses: internationalized labels in Unicode (RFC 7622 section 3.2), where DNS and the
 * intent have A-labels. What is no valid internationalized name stays as it is.
 */
export function xmppDomain(asciiDomain: string): string {
	return domainToUnicode(asciiDomain) || asciiDomain;
}
