import type { FederationView } from "./federation-view.ts";
import { table } from "./table.ts";

export type RecordView = FederationView["status"]["dnsRecords"][number] & { readonly federation: string };

/** One line for each record. */
export function dnsTable(records: readonly RecordView[]): string {
	const rows = records.map(({ federation, name, ttl, type, value }) => [
		federation,
		name,
		String(ttl ?? "-"),
		type,
		value,
	]);
	return table(["FEDERATION", "NAME", "TTL", "TYPE", "VALUE"], rows);
}

/**
 * Lines of a zone file (RFC 1035 section 5.1). All names are full, so no $ORIGIN is needed. Two federations may publish
 * the same address record: each line stands once.
 */
export function zoneText(records: readonly RecordView[]): string {
	const lines = records.map(({ name, ttl, type, value }) =>
		[name, ...(ttl === undefined ? [] : [String(ttl)]), "IN", type, value].join(" "),
	);
	return [...new Set(lines)].join("\n");
}
