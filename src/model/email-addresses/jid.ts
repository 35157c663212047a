import { comparedDomain } from "../policy/domain.ts";

/** A bare JID of a local domain: the part before the @ as Prosody compares it, the domain in A-labels and lower case. */
export interface LocalJid {
	readonly user: string;
	readonly domain: string;
}

/** Why a text is none. Malformed: it has no form of a JID. Foreign: it is of another domain. */
export type NoLocalJid = "Malformed" | "Foreign";

/** What routers put behind names that nobody may have (deploy/gateway/modules/xmppfed_email_mapping.lib.lua). */
const mark = ".xmppfed-unmapped";

/** Bytes of UTF-8 (RFC 7622 section 3.3), with room for the mark. */
const longestLocalpart = 1023 - mark.length;

/**
 * Letters, marks and numbers of every script, and what else ASCII has that may stand before the @ of a JID (RFC 7622
 * section 3.3.1 excludes `"&'/:<>@`). Nodeprep allows some symbols more, which nobody has in an address.
 */
const localpart = /^[\p{L}\p{M}\p{N}!#$%()*+,\-.;=?[\\\]^_`{|}~]+$/u;

/** @param domains in A-labels and lower case, `spec.domain` first: it is that of a text without an @ */
export function readLocalJid(text: string, domains: readonly string[]): LocalJid | NoLocalJid {
	const at = text.lastIndexOf("@");
	const user = preparedLocalpart(at < 0 ? text : text.slice(0, at));
	if (user === undefined) return "Malformed";
	const domain = at < 0 ? domains[0] : comparedDomain(text.slice(at + 1));
	return domain !== undefined && domains.includes(domain) ? { user, domain } : "Foreign";
}

/**
 * The part before the @ as Prosody compares it (Nodeprep, RFC 6122 appendix A): composed, in small letters. Undefined where
 * it is none, or has what is not the same by every version of Unicode: Nodeprep goes by 3.2.
 */
export function preparedLocalpart(text: string): string | undefined {
	const prepared = isSmallAscii(text) ? text : folded(folded(text));
	if (prepared === undefined || !localpart.test(prepared) || prepared.endsWith(mark)) return undefined;
	return Buffer.byteLength(prepared) > longestLocalpart ? undefined : prepared;
}

function isSmallAscii(text: string): boolean {
	return /^[!-@[-~]*$/.test(text);
}

/** Other forms of a character (as of `ﬁ`) are none that somebody types, and Unicode has got more of them since. */
function folded(text: string | undefined): string | undefined {
	const characters = Array.from(text ?? "");
	if (characters.some((character) => character.normalize("NFKC") !== character)) return undefined;
	const small = Array.from(characters.join("").normalize("NFC"), smallLetter);
	return small.includes(undefined) ? undefined : small.join("").normalize("NFC");
}

/** Capital letters whose small ones Unicode 3.2 knows: Latin, Greek, Cyrillic, Armenian. */
const capitals =
	/^[A-Z\u00C0-\u0220\u0222-\u0233\u0386-\u03AB\u0400-\u042F\u0460-\u04BF\u04C1-\u04F5\u0531-\u0556\u1E00-\u1E95\u1EA0-\u1EF9]$/;

/** By full case folding, without those letters whose folding is another one than their small letter. */
function smallLetter(character: string): string | undefined {
	if (character === "ß") return "ss";
	if (character === "ς") return "σ";
	const small = character.toLowerCase();
	if (small !== character && !capitals.test(character)) return undefined;
	if (/\p{Default_Ignorable_Code_Point}/u.test(character)) return undefined;
	return small.toUpperCase().toLowerCase().normalize("NFKC") === small.normalize("NFKC") ? small : undefined;
}
