import type { Condition } from "../api/conditions.ts";

/** What one condition says now, without the bookkeeping. */
export type Verdict = Pick<Condition, "status" | "reason" | "message">;

/** Reasons of a condition that are its own, each with the status that goes with it. */
export type Reasons = Readonly<Record<string, Verdict["status"]>>;

/** What makes verdicts of a condition by their reasons. */
export function verdicts<Reason extends string>(reasons: Readonly<Record<Reason, Verdict["status"]>>) {
	return (reason: Reason, message: string): Verdict => ({ status: reasons[reason], reason, message });
}

/** Longest message that the API server takes. */
const messageLimit = 32_768;

export function condition(
	type: string,
	verdict: Verdict,
	generation: number,
	previous: readonly Condition[],
	now: Date,
): Condition {
	const before = previous.find((entry) => entry.type === type);
	const unchanged = before?.status === verdict.status;
	return {
		type,
		status: verdict.status,
		reason: verdict.reason,
		message: verdict.message.slice(0, messageLimit),
		observedGeneration: generation,
		lastTransitionTime: unchanged ? before.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, "Z"),
	};
}
