import { expect, test } from "vitest";
import { stepText } from "../../../src/cli/check-text.ts";
import { readStep } from "../../../src/cli/check-view.ts";
import { remediesText } from "../../../src/cli/remedies.ts";
import { plain } from "../../../src/cli/terminal.ts";

test("steps stand in columns, whatever they say", () => {
	const lines = [
		{ step: "settings", result: "ok", ms: 0, detail: "TLSRequired" },
		{ step: "srv", result: "note", ms: 1234, detail: "none" },
		{ step: "dialback", result: "skipped", ms: 7, detail: "it is not needed" },
		{ step: "of-the-future", result: "odd", ms: 1 },
		{ step: "verdict", result: "failed", ms: 3, detail: "no stream" },
	];
	expect(lines.map((line) => stepText(line, plain)).join("\n")).toBe(
		[
			"Settings for this peer  ok           0 ms  TLSRequired",
			"SRV records             note      1234 ms  none",
			"Dialback                skipped      7 ms  it is not needed",
			"of-the-future           odd          1 ms",
			"Verdict                 failed             no stream",
		].join("\n"),
	);
});

test("colours take no width", () => {
	const line = stepText(
		{ step: "tls", result: "failed", ms: 1, detail: "x" },
		(colour, words) => `<${colour}>${words}</>`,
	);
	expect(line).toBe("TLS handshake           <red>failed</>       1 ms  x");
});

test.each([["not JSON"], ["[]"], ['{"step":7}'], ['{"ts":"2026-06-01","level":"info"}']])("%s is no step", (line) => {
	expect(readStep(line)).toBeUndefined();
});

test("each cause is explained once, and one that is not known not at all", () => {
	const text = remediesText([undefined, "CertificateExpired", "CertificateExpired", "FromTheFuture"]);
	expect(text).toMatch(/^CertificateExpired: The peer's certificate.*\n {2}The peer must renew it[^\n]*$/);
});
