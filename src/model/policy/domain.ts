import { domainToASCII } from "node:url";
import { isDomainPattern } from "../../api/names.ts";

/**
 * The one form in which domains are compared: labels of ASCII (A-labels) in lower case, no dot at the end. A peer that
 * writes its name otherwise is looked up in the same place of DNS and so is the same peer.
 */
export function comparedDomain(domain: string): string {
	const lower = domain.toLowerCase().replace(/\.$/, "");
	return isAscii(lower) ? lower : domainToASCII(lower) || lower;
}

/** A domain or wildcard as people write it in a list, in the form that is compared; undefined where it is none. */
export function readPattern(text: string): string | undefined {
	const wildcard = text.startsWith("*.") ? "*." : "";
	const base = text.slice(wildcard.length).toLowerCase();
	// What domainToASCII takes for a URL's host is no domain: it reads %61 as a letter.
	const pattern = wildcard + (isAscii(base) || base.includes("%") ? base : domainToASCII(base));
	return isDomainPattern(pattern) ? pattern : undefined;
}

function isAscii(text: string): boolean {
	// oxlint-disable-next-line no-control-regex -- all of ASCII
	return /^[\u0000-\u007F]*$/.test(text);
}
