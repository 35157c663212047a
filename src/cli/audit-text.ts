import { type AuditAnswer, auditedPeers } from "./audit-view.ts";
import { problemsText, section } from "./pod-answer.ts";
import { table } from "./table.ts";
import type { Paint } from "./terminal.ts";

/** Whom a policy in Audit would have denied, for people. Pure. */
export function auditText(answers: readonly AuditAnswer[], paint: Paint): string {
	return [peersText(answers), enforcingText(answers), section("NOT READ", problemsText(answers, paint), paint)]
		.filter((text) => text !== "")
		.join("\n\n");
}

function peersText(answers: readonly AuditAnswer[]): string {
	const rows = auditedPeers(answers).map(({ peer, incoming, outgoing, since = "-", last = "-", nodes }) => [
		peer,
		String(incoming),
		String(outgoing),
		since,
		last,
		nodes.join(","),
	]);
	if (rows.length > 0) return table(["PEER", "IN", "OUT", "SINCE", "LAST", "NODES"], rows);
	const auditing = answers.flatMap((answer) => ("status" in answer && isAudit(answer.status) ? [answer] : []));
	return auditing.length === 0 ? "" : "The policy in Audit would have denied nothing yet.";
}

/** Nodes that say what they do, and whose policy is not in Audit: they list nobody. */
function enforcingText(answers: readonly AuditAnswer[]): string {
	const names = answers.flatMap((answer) => ("status" in answer && !isAudit(answer.status) ? [answer.pod.node] : []));
	return names.length === 0 ? "" : `No policy in Audit is in force at ${[...new Set(names)].join(", ")}.`;
}

function isAudit({ policy }: Extract<AuditAnswer, { readonly status: unknown }>["status"]): boolean {
	return policy?.enforcement === "Audit";
}
