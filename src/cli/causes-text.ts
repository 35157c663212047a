import { restartReasons } from "../rollout/reasons.ts";
import { table } from "./table.ts";

/** A cause of restarts as this program works it out, or as status has it, of whatever version of the operator. */
export interface ShownCause {
	readonly rule: string;
	readonly reason: string;
	readonly field: string;
	readonly from?: string | undefined;
	readonly to?: string | undefined;
	readonly scope: string;
	readonly nodes: readonly string[];
}

export function causesText(causes: readonly ShownCause[]): string {
	const rows = causes.map((cause) => {
		const { rule, reason, scope, nodes } = cause;
		const change = changeText(cause, meaningOf(reason));
		const shown = scope === "None" ? `${change.replace(/\.$/, "")} (applied live, restarts nothing)` : change;
		return [rule, reason, scope, nodes.join(","), shown];
	});
	return table(["RULE", "REASON", "SCOPE", "NODES", "CHANGE"], rows);
}

/** `spec.upstream.port changed from 5269 to 5270`; without values the field and what it means. */
export function changeText({ field, from, to }: Pick<ShownCause, "field" | "from" | "to">, meaning = ""): string {
	if (from !== undefined && to !== undefined) return `${field} changed from ${from} to ${to}`;
	if (to !== undefined) return `${field} was set to ${to}`;
	if (from !== undefined) return `${field} was removed (it was ${from})`;
	return [field, meaning].filter((words) => words !== "").join(": ");
}

function meaningOf(reason: string): string | undefined {
	return new Map(Object.entries(restartReasons)).get(reason)?.meaning;
}
