import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../deploy/generate.ts";
import { certificateReasons } from "../../../src/model/certificate.ts";
import { problemReasons } from "../../../src/model/problem.ts";
import { acceptedReasons } from "../../../src/status/accepted.ts";
import { aliasAcceptedReasons } from "../../../src/status/alias-accepted.ts";
import { aliasProgrammedReasons } from "../../../src/status/alias-programmed.ts";
import { degradedReasons } from "../../../src/status/degraded.ts";
import { dnsPublishedReasons } from "../../../src/status/dns-published.ts";
import { emailAddressesInForceReasons } from "../../../src/status/email-addresses-in-force.ts";
import { conditionTypes } from "../../../src/status/federation-status.ts";
import { nodeReasons } from "../../../src/status/nodes.ts";
import { policyAcceptedReasons } from "../../../src/status/policy-accepted.ts";
import { policyProgrammedReasons } from "../../../src/status/policy-programmed.ts";
import { progressingReasons } from "../../../src/status/progressing.ts";
import { readyReasons } from "../../../src/status/ready.ts";
import { settingsConsistentReasons } from "../../../src/status/settings-consistent.ts";
import { allPages } from "../../lib/pages.ts";

const pages = await allPages();

/** Page, column of the status, reasons of the condition's own with their status. */
const tables: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
	["docs/conditions.md", "Accepted", acceptedReasons],
	["docs/conditions.md", "Ready", readyReasons],
	["docs/conditions.md", "Progressing", progressingReasons],
	["docs/conditions.md", "Degraded", degradedReasons],
	["docs/conditions.md", "State", nodeReasons],
	["docs/diagnose.md", "Status", settingsConsistentReasons],
	["docs/dns.md", "Status", dnsPublishedReasons],
	["docs/email-addresses.md", "Status", emailAddressesInForceReasons],
	["docs/policy.md", "Accepted", policyAcceptedReasons],
	["docs/policy.md", "Programmed", policyProgrammedReasons],
	["docs/aliases.md", "Accepted", aliasAcceptedReasons],
	["docs/aliases.md", "Programmed", aliasProgrammedReasons],
];

/** Told in the message of AcceptedWithWarnings, and never as the reason. */
const warnings: readonly string[] = ["DoubtfulSecurity", "PlatformLimited", "RoomsLimited"];
const problems: readonly string[] = problemReasons.filter((reason) => !warnings.includes(reason));

/** Reasons with their status, as a table has them; a row may have several. */
function rowsOf(page: string, column: string): readonly (readonly [string, string])[] {
	const found = pages.get(page)?.tables.find(({ head }) => head.includes(column) && head.includes("Reason"));
	if (!found) throw new Error(`${page} has no table with the columns ${column} and Reason`);
	const [status, reasons] = [found.head.indexOf(column), found.head.indexOf("Reason")];
	return found.rows.flatMap((row) =>
		(row[reasons] ?? "").split(", ").map((reason) => [reason, row[status] ?? ""] as const),
	);
}

test.each(tables)("%s has every reason of %s with its status, and no other", (page, column, own) => {
	const rows = rowsOf(page, column).filter(([reason]) => reason in own || !problems.includes(reason));
	const inWords = (pairs: typeof rows) => pairs.map((pair) => pair.join(" ")).toSorted();
	expect(inWords(rows)).toEqual(inWords(Object.entries(own)));
});

test("every reason is one that a condition gives", async () => {
	const files = await Array.fromAsync(glob("src/status/*.ts", { cwd: root }));
	const code = (await Promise.all(files.map(async (file) => await readFile(join(root, file), "utf8")))).join("");
	const listed = tables.flatMap(([, , own]) => Object.keys(own));
	// In the list itself they stand without quotation marks.
	expect(listed.filter((reason) => !code.includes(`"${reason}"`))).toEqual([]);
});

test("every problem that can be a reason has a row", () => {
	const told = new Set(tables.flatMap(([page, column]) => rowsOf(page, column).map(([reason]) => reason)));
	expect(problems.filter((reason) => !told.has(reason))).toEqual([]);
});

test("docs/certificates.md has every reason of CertificateValid", () => {
	const told = rowsOf("docs/certificates.md", "Status").map(([reason]) => reason);
	expect(told.toSorted()).toEqual(["Valid", "NotAccepted", ...Object.keys(certificateReasons)].toSorted());
});

test.each(["docs/conditions.md", "docs/concepts.md"])("%s has every condition of an XmppFederation", (page) => {
	const found = pages.get(page)?.tables.find(({ head }) => head.includes("True means"));
	expect(found?.rows.map(([type]) => type)).toEqual(conditionTypes);
});
