import type { XmppFederationSpec } from "../api/xmpp-federation.ts";
import { canonicalJson } from "../model/canonical-json.ts";
import { covers, restartTable } from "../rollout/restart-table.ts";

/** A change of a field. */
export interface FieldChange {
	readonly field: string;
	/** Absent where there was or is none. */
	readonly from?: string;
	readonly to?: string;
	/** What happens instead of a restart. */
	readonly note: string;
}

const rows = restartTable["XmppFederation"] ?? [];

/** The changes that restart nothing, as the table of restarts has it. */
export function quietChanges(before: XmppFederationSpec, after: XmppFederationSpec): readonly FieldChange[] {
	return [...changes(before, after, { shown: "spec", inTable: "" })];
}

interface Path {
	/** `spec.nodes[gw-1].published` */
	readonly shown: string;
	/** `nodes[].published` */
	readonly inTable: string;
}

function* changes(before: unknown, after: unknown, path: Path): Generator<FieldChange> {
	if (canonicalJson({ value: before }) === canonicalJson({ value: after })) return;
	const row = rows.find((candidate) => covers(candidate, path.inTable));
	if (row) {
		if (row.reasons.length === 0)
			yield { field: path.shown, ...shown("from", before), ...shown("to", after), note: row.note };
		return;
	}
	const [old, current] = [fieldsOf(before), fieldsOf(after)];
	const isList = Array.isArray(before) || Array.isArray(after);
	for (const name of new Set([...old.keys(), ...current.keys()])) {
		const next = isList
			? { shown: `${path.shown}[${name}]`, inTable: `${path.inTable}[]` }
			: { shown: `${path.shown}.${name}`, inTable: path.inTable === "" ? name : `${path.inTable}.${name}` };
		// What comes or goes as a whole starts or stops a node.
		if (isList && !(old.has(name) && current.has(name))) continue;
		yield* changes(old.get(name), current.get(name), next);
	}
}

/** Fields of an object, or entries of a list by their names. */
function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
	if (typeof value !== "object" || value === null) return new Map();
	if (!Array.isArray(value)) return new Map(Object.entries(value));
	return new Map(
		value.flatMap((entry: unknown): [string, unknown][] =>
			typeof entry === "object" && entry !== null && "name" in entry ? [[String(entry.name), entry]] : [],
		),
	);
}

function shown(key: "from" | "to", value: unknown): { from?: string; to?: string } {
	if (value === undefined) return {};
	return { [key]: typeof value === "string" ? value : canonicalJson(value) };
}
