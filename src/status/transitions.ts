import type { Condition } from "../api/conditions.ts";
import { certificateReasons } from "../model/certificate.ts";

/** What is worth an Event: said once, when it begins. */
export interface Transition {
	readonly type: "Normal" | "Warning";
	readonly reason: string;
	readonly note: string;
}

/** Which status of a condition is trouble; the others say that it is over. */
const trouble: Readonly<Record<string, Condition["status"]>> = {
	Accepted: "False",
	Degraded: "True",
	CertificateValid: "False",
	DNSPublished: "False",
};

const doubts = new Set(
	Object.entries(certificateReasons).flatMap(([reason, effect]) => (effect === "Doubtful" ? [reason] : [])),
);

function isTrouble({ type, status, reason }: Condition): boolean {
	// That nodes are behind is a part of every roll-out.
	if (type === "SettingsConsistent") return reason === "FederationsDiffer";
	return status === trouble[type] || (type === "CertificateValid" && doubts.has(reason));
}

/**
 * Events for the conditions that changed their status or reason. A message alone is news only where it is about the
 * resource itself (Accepted): what it says of a running system changes with every node that comes or goes.
 */
export function transitions(before: readonly Condition[], after: readonly Condition[]): readonly Transition[] {
	return after.flatMap((condition): Transition[] => {
		const previous = before.find(({ type }) => type === condition.type);
		if (previous?.status === condition.status && previous.reason === condition.reason) {
			if (condition.type !== "Accepted" || condition.status === "True" || previous.message === condition.message)
				return [];
		}
		const { status, reason, message: note, type } = condition;
		// Somebody has to allow it, or take it back.
		if (type === "Progressing" && reason === "WouldLeaveNoEnabledNode") return [{ type: "Warning", reason, note }];
		if (isTrouble(condition)) return [{ type: "Warning", reason, note }];
		if (type === "Ready" && status === "True") return [{ type: "Normal", reason, note }];
		const isOver = previous !== undefined && isTrouble(previous) && status !== "Unknown";
		return isOver ? [{ type: "Normal", reason: `${previous.reason}Resolved`, note }] : [];
	});
}
