import type { Problem } from "./problem.ts";
import type { StoredFederation } from "./stored-federation.ts";

/** Annotations of an XmppFederation by which people steer its roll-outs. */
export const orderAnnotations = {
	/** `TIME` or `NODE@TIME` (RFC 3339), several with commas between: restart all nodes, or one. */
	restart: "xmppfed.dev/restart",
	/** `true`: no node is restarted or removed. */
	paused: "xmppfed.dev/paused",
	/** A metadata.generation: in this one, the last Enabled node may go. */
	allowOutage: "xmppfed.dev/allow-outage",
} as const;

export interface RestartOrder {
	/** In UTC with milliseconds. */
	readonly at: string;
	/** Absent: all nodes. */
	readonly node?: string;
}

/** What people ask of roll-outs, by annotations. */
export interface RolloutOrders {
	readonly restarts: readonly RestartOrder[];
	readonly paused: boolean;
	/** The last Enabled node may be disabled or removed. */
	readonly outageAllowed: boolean;
}

/** How far the clock of whoever asks may be ahead of the operator's, in milliseconds. */
const clockTolerance = 5 * 60_000;
/** More orders than a federation has nodes (32) say nothing that fewer would not. What is wrong with each is told. */
const mostRestarts = 64;

/** Reads the annotations. What cannot be read restarts nothing, allows nothing and pauses. */
export function rolloutOrders(
	federation: Pick<StoredFederation, "metadata" | "spec">,
	now: Date,
): { readonly orders: RolloutOrders; readonly problems: readonly Problem[] } {
	const { annotations = {}, generation } = federation.metadata;
	const problems: Problem[] = [];
	const object = (name: string, message: string) =>
		void problems.push({ reason: "InvalidAnnotation", field: `metadata.annotations[${name}]`, message });

	const texts = annotations[orderAnnotations.restart]?.split(",").map((text) => text.trim()) ?? [];
	const restarts: RestartOrder[] = [];
	if (texts.length > mostRestarts) {
		object(
			orderAnnotations.restart,
			`has ${texts.length} entries, ${mostRestarts} are the most. Nothing is restarted.`,
		);
	} else {
		for (const text of texts) {
			const restart = readRestart(text);
			const objection = objectionTo(restart, text, federation, now);
			if (objection !== undefined) object(orderAnnotations.restart, objection);
			else if (restart) restarts.push(restart);
		}
	}

	const paused = annotations[orderAnnotations.paused] ?? "false";
	if (paused !== "true" && paused !== "false") {
		object(orderAnnotations.paused, `${quoted(paused)} must be "true" or "false". Roll-outs are paused meanwhile.`);
	}

	const allowed = annotations[orderAnnotations.allowOutage];
	if (allowed !== undefined && !/^\d{1,18}$/.test(allowed)) {
		object(
			orderAnnotations.allowOutage,
			`${quoted(allowed)} must be the metadata.generation that may leave no Enabled node. No outage is allowed.`,
		);
	}
	return {
		orders: {
			restarts,
			paused: paused !== "false",
			outageAllowed: allowed === String(generation),
		},
		problems,
	};
}

const timePattern = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/** An entry of the annotation; undefined where it cannot be read. */
export function readRestart(text: string): RestartOrder | undefined {
	const at = text.lastIndexOf("@");
	const [node, time] = at < 0 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)];
	const read = readTime(time);
	return read && { at: read.toISOString(), ...(node !== undefined && { node }) };
}

/** A time as annotations have it (RFC 3339); undefined where it is none. */
export function readTime(text: string): Date | undefined {
	const milliseconds = timePattern.test(text) ? Date.parse(text) : Number.NaN;
	return Number.isNaN(milliseconds) ? undefined : new Date(milliseconds);
}

/** Whether a time is to come, by whatever clock. */
export function isFuture(at: Date, now: Date): boolean {
	return at.getTime() > now.getTime() + clockTolerance;
}

/** Why nothing is restarted for an entry, if so. */
function objectionTo(
	restart: RestartOrder | undefined,
	text: string,
	{ spec }: Pick<StoredFederation, "spec">,
	now: Date,
): string | undefined {
	if (!restart) {
		return (
			`${quoted(text)} is neither a time nor NODE@TIME, such as 2026-01-31T12:00:00Z or gw-1@2026-01-31T12:00:00Z. ` +
			"Nothing is restarted for it."
		);
	}
	const { node, at } = restart;
	if (node !== undefined && !spec.nodes.some(({ name }) => name === node)) {
		return (
			`there is no node ${quoted(node)} in spec.nodes. Nothing is restarted for it. ` +
			"If the node was removed, take it out of the annotation."
		);
	}
	if (isFuture(new Date(at), now)) {
		return `${quoted(text)} is in the future. Nothing is restarted for it before.`;
	}
	return undefined;
}

/**
 * When a restart of the node was last asked for: now, or before. What was carried out stays, so that taking the
 * annotation back, or naming another node in it, restarts nothing.
 *
 * @param applied what the node runs with
 */
export function requestedAt(
	node: string,
	{ restarts }: Pick<RolloutOrders, "restarts">,
	applied: string | undefined,
): string | undefined {
	const asked = restarts.filter((restart) => restart.node === undefined || restart.node === node).map(({ at }) => at);
	// Of one form, so that their order as texts is that in time.
	return [...asked, ...(applied === undefined ? [] : [applied])].toSorted().at(-1);
}

function quoted(text: string): string {
	return JSON.stringify(text.length > 64 ? `${text.slice(0, 63)}…` : text);
}
