import type { Problem } from "./problem.ts";
import type { StoredFederation } from "./stored-federation.ts";

/** Annotations of an XmppFederation by which people steer its roll-outs. */
export const orderAnnotations = {
	/** `TIME` or `NODE@TIME` (RFC 3339): restart all nodes, or one. */
	restart: "xmppfed.dev/restart",
	/** `true`: no node is restarted or removed. */
	paused: "xmppfed.dev/paused",
	/** A metadata.generation: in this one, the last Enabled node may go. */
	allowOutage: "xmppfed.dev/allow-outage",
} as const;

/** What people ask of roll-outs, by annotations. */
export interface RolloutOrders {
	/** `at` in UTC with milliseconds; without `node`, all of them. */
	readonly restart?: { readonly at: string; readonly node?: string };
	readonly paused: boolean;
	/** The last Enabled node may be disabled or removed. */
	readonly outageAllowed: boolean;
}

/** How far the clock of whoever asks may be ahead of the operator's, in milliseconds. */
const clockTolerance = 5 * 60_000;

/** Reads the annotations. What cannot be read restarts nothing, allows nothing and pauses. */
export function rolloutOrders(
	federation: Pick<StoredFederation, "metadata" | "spec">,
	now: Date,
): { readonly orders: RolloutOrders; readonly problems: readonly Problem[] } {
	const { annotations = {}, generation } = federation.metadata;
	const problems: Problem[] = [];
	const object = (name: string, message: string) =>
		void problems.push({ reason: "InvalidAnnotation", field: `metadata.annotations[${name}]`, message });

	const text = annotations[orderAnnotations.restart];
	const restart = text === undefined ? undefined : readRestart(text);
	const isKnown = restart?.node === undefined || federation.spec.nodes.some(({ name }) => name === restart.node);
	const isDue = restart === undefined || Date.parse(restart.at) <= now.getTime() + clockTolerance;
	if (text !== undefined && !restart) {
		object(
			orderAnnotations.restart,
			`${quoted(text)} is neither a time nor NODE@TIME, such as 2026-01-31T12:00:00Z or gw-1@2026-01-31T12:00:00Z. ` +
				"Nothing is restarted.",
		);
	} else if (!isKnown) {
		object(
			orderAnnotations.restart,
			`there is no node ${quoted(restart?.node ?? "")} in spec.nodes. Nothing is restarted.`,
		);
	} else if (!isDue) {
		object(orderAnnotations.restart, `${quoted(text ?? "")} is in the future. Nothing is restarted before.`);
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
			...(restart && isKnown && isDue && { restart }),
			paused: paused !== "false",
			outageAllowed: allowed === String(generation),
		},
		problems,
	};
}

const timePattern = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

function readRestart(text: string): RolloutOrders["restart"] {
	const at = text.lastIndexOf("@");
	const [node, time] = at < 0 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)];
	const milliseconds = timePattern.test(time) ? Date.parse(time) : Number.NaN;
	if (Number.isNaN(milliseconds)) return undefined;
	return { at: new Date(milliseconds).toISOString(), ...(node !== undefined && { node }) };
}

/**
 * When a restart of the node was last asked for: now, or before. What was carried out stays, so that taking the
 * annotation back, or naming another node in it, restarts nothing.
 *
 * @param applied what the node runs with
 */
export function requestedAt(node: string, { restart }: RolloutOrders, applied: string | undefined): string | undefined {
	const asked = restart && (restart.node === undefined || restart.node === node) ? restart.at : undefined;
	if (asked === undefined || applied === undefined) return asked ?? applied;
	return Date.parse(asked) > Date.parse(applied) ? asked : applied;
}

function quoted(text: string): string {
	return JSON.stringify(text.length > 64 ? `${text.slice(0, 63)}…` : text);
}
