import { expect, test } from "vitest";
import { auditText } from "../../../src/cli/audit-text.ts";
import { type AuditAnswer, auditStatus } from "../../../src/cli/audit-view.ts";
import { plain } from "../../../src/cli/terminal.ts";

const pod = (node: string) => ({
	namespace: "chat",
	name: `example-${node}-abc`,
	federation: "example",
	node,
	containers: ["router", "federation"],
});
const says = (node: string, policy: object | undefined): AuditAnswer => ({
	pod: pod(node),
	status: auditStatus.parse({ policy }),
});
const audit = (...wouldDeny: readonly object[]) => ({ default: "Deny", enforcement: "Audit", wouldDeny });
const entry = (peer: string, incoming: number, outgoing: number, second: number) => ({
	peer,
	incoming,
	outgoing,
	since: `2026-06-01T12:00:0${second}Z`,
	last: `2026-06-01T12:30:0${second}Z`,
});
const lines = (...answers: readonly AuditAnswer[]) => auditText(answers, plain).split("\n");

test("peers that several nodes list stand once, those with the most stanzas first", () => {
	const first = says("gw-1", audit(entry("rare.example", 1, 0, 1), entry("often.example", 2, 1, 2)));
	const second = says("gw-2", audit(entry("often.example", 40, 0, 1), entry("also.example", 0, 1, 3)));
	expect(lines(first, second)).toEqual([
		"PEER           IN  OUT  SINCE                 LAST                  NODES",
		"often.example  42  1    2026-06-01T12:00:01Z  2026-06-01T12:30:02Z  gw-1,gw-2",
		"also.example   0   1    2026-06-01T12:00:03Z  2026-06-01T12:30:03Z  gw-2",
		"rare.example   1   0    2026-06-01T12:00:01Z  2026-06-01T12:30:01Z  gw-1",
	]);
});

test("an empty list is told from one that is not kept, and from one that cannot be read", () => {
	expect(lines(says("gw-1", audit()))).toEqual(["The policy in Audit would have denied nothing yet."]);
	expect(
		lines(
			says("gw-1", audit()),
			says("gw-2", { default: "Deny", enforcement: "Enforce", wouldDeny: [] }),
			says("gw-3", undefined),
			{ pod: pod("gw-4"), problem: "it does not run: it is Pending" },
		),
	).toEqual([
		"The policy in Audit would have denied nothing yet.",
		"",
		"No policy in Audit is in force at gw-2, gw-3.",
		"",
		"NOT READ",
		"node gw-4 (pod example-gw-4-abc): it does not run: it is Pending",
	]);
	expect(lines()).toEqual([""]);
});
