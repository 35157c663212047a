import { mostMappings } from "../../api/email-addresses.ts";
import type { Problem } from "../problem.ts";
import { quoted } from "../quoted.ts";
import { type LocalJid, readLocalJid } from "./jid.ts";
import type { MappingEntry, MappingSource } from "./source.ts";

/** The address of each user, both bare JIDs in the form of {@link LocalJid}. */
export type Mapping = ReadonlyMap<string, string>;

export type MergedMapping =
	| { readonly ok: true; readonly mapping: Mapping }
	| { readonly ok: false; readonly problems: readonly Problem[] };

/** Entries that are told at most. */
const mostTold = 10;

interface Known {
	readonly user: string;
	readonly address: string;
	readonly source: MappingSource;
	readonly place: number;
}

/**
 * Puts sources together, or says what is wrong with them. One wrong entry refuses all: of a mapping with a hole nobody
 * would know, and an address that two users have would go to either. The same pair may stand in several places.
 *
 * @param domains as `readLocalJid` takes them
 */
export function mergeMappings(sources: readonly MappingSource[], domains: readonly string[]): MergedMapping {
	const byUser = new Map<string, Known>();
	const byAddress = new Map<string, Known>();
	const problems = new Problems();
	for (const source of sources) {
		for (const entry of source.entries()) {
			const read = readEntry(entry, source, domains);
			if ("wrong" in read) {
				problems.add(source, `${source.at(entry.place)}${read.wrong}.`);
				continue;
			}
			const { user, address } = read;
			const now: Known = { user, address, source, place: entry.place };
			const rival = [byUser.get(user), byAddress.get(address)].find(
				(known) => known && (known.user !== user || known.address !== address),
			);
			if (rival) {
				problems.add(source, conflict(rival, now));
				continue;
			}
			byUser.set(user, now);
			byAddress.set(address, now);
		}
	}
	const tooMany = byUser.size > mostMappings;
	if (tooMany) {
		const message = `has ${byUser.size} users in all its sources, and ${mostMappings} is the most.`;
		return { ok: false, problems: [{ reason: "EmailAddressesInvalid", field: "spec.emailAddresses", message }] };
	}
	if (problems.found.length > 0) return { ok: false, problems: problems.found };
	return { ok: true, mapping: new Map([...byUser].map(([user, { address }]) => [user, address])) };
}

type Read = { readonly user: string; readonly address: string } | { readonly wrong: string };

function readEntry(entry: MappingEntry, { isShown }: MappingSource, domains: readonly string[]): Read {
	const shown = (text: string) => (isShown ? ` ${quoted(text)}` : "");
	if ("wrong" in entry) return { wrong: `${shown(entry.text)}: ${entry.wrong}` };
	const user = readLocalJid(entry.user, domains);
	const address = entry.address.includes("@") ? readLocalJid(entry.address, domains) : "Malformed";
	if (user === "Malformed") {
		return { wrong: `: the user${shown(entry.user)} must be a name such as alice, or alice@example.com, ${without}` };
	}
	if (user === "Foreign") return { wrong: `: the user${shown(entry.user)} ${foreign}` };
	if (address === "Malformed") {
		return { wrong: `: the address${shown(entry.address)} must be one such as alice.smith@example.com, ${without}` };
	}
	if (address === "Foreign") return { wrong: `: the address${shown(entry.address)} ${foreign}` };
	return { user: bareJid(user), address: bareJid(address) };
}

const without = "without spaces and any of \"&'/:<>";
const foreign = "is of no domain of this federation: use spec.domain or one of spec.additionalDomains";

function bareJid({ user, domain }: LocalJid): string {
	return `${user}@${domain}`;
}

function conflict(earlier: Known, now: Known): string {
	const places = `${earlier.source.at(earlier.place)} and ${now.source.at(now.place)}`;
	return earlier.user === now.user
		? `${places}: ${now.user} has two addresses, ${earlier.address} and ${now.address}. Keep one.`
		: `${places}: ${earlier.user} and ${now.user} have one address, ${now.address}. Give each one of its own.`;
}

/** The first of them in full, of the others their number. */
class Problems {
	readonly #told: Problem[] = [];
	#more = 0;

	add({ field }: MappingSource, message: string): void {
		if (this.#told.length < mostTold) this.#told.push({ reason: "EmailAddressesInvalid", field, message });
		else this.#more += 1;
	}

	get found(): readonly Problem[] {
		if (this.#more === 0) return this.#told;
		const message = `and ${this.#more} more of the kind.`;
		return [...this.#told, { reason: "EmailAddressesInvalid", field: "spec.emailAddresses", message }];
	}
}
