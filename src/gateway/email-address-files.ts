import { hash } from "node:crypto";
import type { Mapping } from "../model/email-addresses/merge.ts";
import { xmppDomain } from "./domain.ts";

/** The mapping of users to addresses as routers read it (deploy/gateway/modules/mod_xmppfed_email_addresses.lua). */
export interface MappingFiles {
	/** Lines `USER ADDRESS`, both as Prosody compares them, in the order of the users: the files 0, 1, and so on. */
	readonly files: readonly string[];
	/** The file `index.json`: it says which files belong together. */
	readonly index: string;
}

/** Bytes of a file: what a Secret takes, with room for its metadata. */
export const mostFileBytes = 900_000;

/** Files that a mapping may have. Pods refer to all of them, whether they are there or not. */
export const mostMappingFiles = 12;

/** @returns undefined where they are more than pods have places for */
export function mappingFiles(mapping: Mapping): MappingFiles | undefined {
	const domains = new Map<string, string>();
	const files: string[] = [];
	let lines: string[] = [];
	let bytes = 0;
	const end = () => {
		files.push(lines.join(""));
		[lines, bytes] = [[], 0];
	};
	for (const user of [...mapping.keys()].toSorted()) {
		const line = `${asInXmpp(user, domains)} ${asInXmpp(mapping.get(user) ?? "", domains)}\n`;
		const length = Buffer.byteLength(line);
		if (bytes + length > mostFileBytes) end();
		lines.push(line);
		bytes += length;
	}
	if (bytes > 0) end();
	if (files.length > mostMappingFiles) return undefined;
	return {
		files,
		index: `${JSON.stringify({ digests: files.map((text) => hash("sha256", text)), mappings: mapping.size })}\n`,
	};
}

/** Names what the index says: 10 hexadecimal digits. Each router reports what it has in force by this name. */
export function mappingDigest(index: string): string {
	return hash("sha256", index).slice(0, 10);
}

/** @param domains those that were converted before */
function asInXmpp(jid: string, domains: Map<string, string>): string {
	const at = jid.lastIndexOf("@") + 1;
	const ascii = jid.slice(at);
	const domain = domains.get(ascii) ?? xmppDomain(ascii);
	domains.set(ascii, domain);
	return jid.slice(0, at) + domain;
}
