import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../../deploy/generate.ts";
import { parseXmppFederation } from "../../../src/api/parse.ts";
import { everySetting, everySituation, isRefusal, type LawRow, law, outcomeOf, rowOf } from "../../law/law.ts";
import { lawTable } from "../../law/law-table.ts";
import { withPeer, withSecurity } from "../../resources/builders.ts";

const nameOf = ({ mode, certificates, sasl, dialback }: LawRow) => `${mode} ${certificates} ${sasl} ${dialback}`;

describe("the law", () => {
	test("stands in docs/security.md", () => {
		expect(readFileSync(join(root, "docs/security.md"), "utf8")).toContain(lawTable());
	});

	test("has one row for every setting that can be made, and no other", () => {
		const wanted = everySetting.flatMap((settings) =>
			(["incoming", "outgoing"] as const).map((direction) => nameOf(rowOf(settings, direction))),
		);
		expect(law.map(nameOf).toSorted()).toEqual([...new Set(wanted)].toSorted());
		expect(everySetting).toHaveLength(53);
	});

	test.each(everySetting)("is about settings that the API takes: %j", (settings) => {
		for (const resource of [withSecurity({ ...settings }), withPeer({ security: settings })]) {
			expect(parseXmppFederation(resource)).toMatchObject({ ok: true });
		}
	});
});

/** What must hold of any such law, said without it. */
describe("in the law", () => {
	const cells = law.flatMap((row) =>
		everySituation.map((situation) => ({ row, name: nameOf(row), situation, outcome: row.cells[situation] })),
	);
	const outcomesWhere = (holds: (row: LawRow) => boolean) =>
		new Set(cells.filter(({ row }) => holds(row)).map(({ outcome }) => outcome));

	test("TLSRequired lets nothing through without TLS, NoTLS nothing with it", () => {
		expect(outcomesWhere(({ mode }) => mode === "TLSRequired")).not.toContain("plain");
		expect(outcomesWhere(({ mode }) => mode === "NoTLS")).toEqual(new Set(["plain"]));
	});
	test("EXTERNAL is used where the peer uses it with a certificate that verifies, and nowhere else", () => {
		const used = cells.filter(({ outcome }) => outcome === "EXTERNAL");
		const may = cells.filter(
			({ row, situation }) => situation === "external" && row.mode !== "NoTLS" && row.sasl !== "Disabled",
		);
		expect(used).toEqual(may);
	});
	test("Strict lets no certificate through that does not verify", () => {
		const strict = cells.filter(({ row, situation }) => row.certificates === "Strict" && situation === "untrusted");
		expect(new Set(strict.map(({ outcome }) => outcome))).toEqual(new Set(["-cert"]));
	});
	test("there is no dialback where it is Disabled or EXTERNAL is Required", () => {
		const without = outcomesWhere(({ dialback, sasl }) => dialback === "Disabled" || sasl === "Required");
		expect([...without].filter((outcome) => outcome === "plain" || outcome === "tls")).toEqual([]);
	});
	test("what is stricter lets no more through", () => {
		const isWeaker = (a: LawRow, b: LawRow) =>
			a.mode !== "NoTLS" &&
			b.mode !== "NoTLS" &&
			(a.mode === b.mode || a.mode === "TLSOptional") &&
			(a.certificates === b.certificates || a.certificates === "Opportunistic") &&
			(a.sasl === b.sasl || (a.sasl === "Offered" && b.sasl === "Required")) &&
			(a.dialback === b.dialback || a.dialback === "Enabled");
		const wrong = cells.flatMap(({ row, name, situation, outcome }) =>
			law
				.filter((other) => isWeaker(other, row) && isRefusal(other.cells[situation]) && !isRefusal(outcome))
				.map((other) => `${situation}: ${name} lets through what ${nameOf(other)} refuses`),
		);
		expect(wrong).toEqual([]);
	});
});

test("a peer that cannot be asked is not identified by dialback", () => {
	const settings = {
		mode: "TLSRequired",
		peerCertificates: "Opportunistic",
		saslExternal: { incoming: "Offered", outgoing: "Required" },
		dialback: { mode: "Enabled" },
	} as const;
	const situation = { incoming: "untrusted", outgoing: "untrusted" } as const;
	expect(rowOf(settings, "incoming").cells.untrusted).toBe("tls");
	expect(outcomeOf(settings, "incoming", situation)).toBe("-SASL");
});
