import type { XmppFederation } from "../../api/xmpp-federation.ts";
import type { Problem } from "../problem.ts";
import { quoted } from "../quoted.ts";
import { readLocalJid } from "./jid.ts";
import type { MappingEntry, MappingSource } from "./source.ts";

/** A person in a directory, with all values of both attributes. */
export interface DirectoryEntry {
	readonly dn: string;
	readonly users: readonly string[];
	readonly addresses: readonly string[];
}

/** An entry as it is kept: 100,000 objects would take the most of the operator's memory. */
export function writeEntry({ dn, users, addresses }: DirectoryEntry): string {
	return JSON.stringify([dn, users, addresses]);
}

function readEntry(text: string): DirectoryEntry {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- by writeEntry
	const [dn, users, addresses] = JSON.parse(text) as [string, readonly string[], readonly string[]];
	return { dn, users, addresses };
}

/** The entries of a directory. @param texts of them @param domains as `readLocalJid` takes them */
export function directorySource(texts: readonly string[], domains: readonly string[]): MappingSource {
	return {
		field: "spec.emailAddresses.ldap",
		at: (index) => `LDAP entry ${quoted(readEntry(texts[index] ?? "").dn)}`,
		entries: () => entriesOf(texts, domains),
		isShown: true,
	};
}

function* entriesOf(texts: readonly string[], domains: readonly string[]): Iterable<MappingEntry> {
	for (const [place, text] of texts.entries()) yield { place, ...pairOf(readEntry(text), domains) };
}

type Pair = MappingEntry extends infer Entry ? (Entry extends unknown ? Omit<Entry, "place"> : never) : never;

/** Of several addresses the one of a local domain counts: many directories have those of other providers as well. */
function pairOf({ users, addresses }: DirectoryEntry, domains: readonly string[]): Pair {
	const [user, ...otherUsers] = users;
	if (user === undefined || otherUsers.length > 0) {
		return { wrong: "must have one user, in the attribute spec.emailAddresses.ldap.userAttribute", text: told(users) };
	}
	const local = addresses.filter((address) => typeof readLocalJid(address, domains) === "object");
	const [address, ...others] = local.length > 0 ? local : addresses;
	if (address === undefined || others.length > 0) {
		const wrong = "must have one address of a local domain, in the attribute spec.emailAddresses.ldap.mailAttribute";
		return { wrong, text: told(addresses) };
	}
	return { user, address };
}

function told(values: readonly string[]): string {
	return values.length === 0 ? "none" : values.join(", ");
}

/** Whoever is between could read the password, and say who has which address. */
export function directoryWarnings({ emailAddresses }: XmppFederation["spec"]): readonly Problem[] {
	const { ldap } = emailAddresses ?? {};
	if (!ldap || ldap.startTLS === true || ldap.url.startsWith("ldaps://")) return [];
	const also = ldap.bindSecretRef ? ", and so is the password" : "";
	const message = `what the directory says is neither encrypted nor proven${also}: use ldaps:// or startTLS.`;
	return [{ reason: "DoubtfulSecurity", field: "spec.emailAddresses.ldap.url", message }];
}
