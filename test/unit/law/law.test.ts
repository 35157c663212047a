import { describe, expect, test } from "vitest";
import { parseXmppFederation } from "../../../src/api/parse.ts";
import {
	everySetting,
	isRefusal,
	type LawRow,
	law,
	outcomeOf,
	rowOf,
	type Situation,
	situations,
} from "../../law/law.ts";
import { withPeer, withSecurity } from "../../resources/builders.ts";

const each = Object.keys(situations) as Situation[];
const nameOf = ({ mode, certificates, sasl, dialback }: LawRow) => `${mode} ${certificates} ${sasl} ${dialback}`;

describe("the law", () => {
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
describe.each(law)("$mode $certificates $sasl $dialback", (row) => {
	const cells = each.map((situation) => ({ situation, outcome: row.cells[situation] }));

	test("TLSRequired lets nothing through without TLS, NoTLS nothing with it", () => {
		for (const { outcome } of cells) {
			if (row.mode === "TLSRequired") expect(outcome).not.toBe("plain");
			if (row.mode === "NoTLS") expect(outcome).toBe("plain");
		}
	});
	test("EXTERNAL is used where the peer uses it with a certificate that verifies, and nowhere else", () => {
		for (const { situation, outcome } of cells) {
			const may = situation === "external" && row.mode !== "NoTLS" && row.sasl !== "Disabled";
			expect(outcome === "EXTERNAL").toBe(may);
		}
	});
	test("Strict lets no certificate through that does not verify", () => {
		if (row.certificates === "Strict") expect(row.cells.untrusted).toBe("-cert");
	});
	test("no dialback where it is Disabled or EXTERNAL is Required", () => {
		if (row.dialback === "Enabled" && row.sasl !== "Required") return;
		for (const { outcome } of cells) expect(["plain", "tls"]).not.toContain(outcome);
	});
	test("what is stricter lets no more through", () => {
		const weaker = law.filter(
			({ mode, certificates, sasl, dialback }) =>
				mode !== "NoTLS" &&
				(mode === row.mode || mode === "TLSOptional") &&
				(certificates === row.certificates || certificates === "Opportunistic") &&
				(sasl === row.sasl || (sasl === "Offered" && row.sasl === "Required")) &&
				(dialback === row.dialback || dialback === "Enabled"),
		);
		for (const other of row.mode === "NoTLS" ? [] : weaker) {
			for (const { situation, outcome } of cells) {
				if (isRefusal(other.cells[situation])) expect(isRefusal(outcome)).toBe(true);
			}
		}
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
