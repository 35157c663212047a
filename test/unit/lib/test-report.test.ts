import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { run } from "../../../deploy/lib/commands.ts";
import { type Outcome, readReport, summary, total } from "../../lib/test-report.ts";

const vitestProgram = fileURLToPath(new URL("../../../node_modules/vitest/vitest.mjs", import.meta.url));

/** What a real vitest reports of files with these texts. */
async function outcomeOf(files: Readonly<Record<string, string>>): Promise<Outcome> {
	const root = await mkdtemp(join(tmpdir(), "xmppfed-report-"));
	onTestFinished(async () => await rm(root, { recursive: true }));
	for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text);
	const report = join(root, "report.json");
	const reporter = ["--reporter=json", `--outputFile.json=${report}`];
	await run([process.execPath, vitestProgram, "run", "--root", root, "--globals", ...reporter]).catch(() => undefined);
	return readReport(await readFile(report, "utf8"), root);
}

test("each failure is named at the end: a test, a file that cannot be loaded, hooks before and after", async () => {
	const outcome = await outcomeOf({
		"a.test.ts": `test("good", () => {}); test.skip("later", () => {});
			describe("sums", () => { test("are right", () => { expect(1 + 1).toBe(3); }); });`,
		"b.test.ts": `throw new Error("cannot be loaded");`,
		"c.test.ts": `beforeAll(() => { throw new Error("set-up fails"); }); test("never run", () => {});`,
		"d.test.ts": `afterAll(() => { throw new Error("clean-up fails"); }); test("good", () => {});`,
	});
	const failures = outcome.failures.toSorted((one, other) => one.where.localeCompare(other.where));
	expect(failures).toEqual([
		{ where: "a.test.ts", test: "sums are right", reason: expect.stringContaining("expected 2 to be 3") },
		{ where: "b.test.ts", reason: "cannot be loaded" },
		{ where: "c.test.ts", reason: "set-up fails" },
		{ where: "d.test.ts", reason: "clean-up fails" },
	]);
	expect(failures[0]?.reason).toMatch(/a\.test\.ts:2:\d+/);
	expect(failures[0]?.reason).not.toContain("node_modules");
	expect(outcome).toMatchObject({ passed: 2, failed: 4, skipped: 2 });
}, 60_000);

test("what passes names nothing", async () => {
	const outcome = await outcomeOf({ "a.test.ts": `test("good", () => {});` });
	expect(outcome).toEqual({ passed: 1, failed: 0, skipped: 0, failures: [] });
	expect(summary(outcome)).toBe("1 passed, 0 failed, 0 skipped");
}, 60_000);

test("the summary of several parts: failures first, figures last, long reasons cut", () => {
	const reason = Array.from({ length: 20 }, (_, line) => `line ${line}`).join("\n");
	const one = { passed: 3, failed: 1, skipped: 0, failures: [{ where: "type check", reason: "wrong" }] };
	const report = {
		numPassedTests: 1,
		numFailedTests: 1,
		numPendingTests: 1,
		numTodoTests: 1,
		testResults: [
			{
				name: "/repository/test/a.test.ts",
				status: "failed",
				assertionResults: [{ fullName: "sums", status: "failed", failureMessages: [reason] }],
			},
		],
	};
	const lines = summary(total([one, readReport(JSON.stringify(report), "/repository")])).split("\n");
	expect(lines.slice(0, 3)).toEqual(["✗ type check", "    wrong", "✗ test/a.test.ts > sums"]);
	expect(lines.slice(-3)).toEqual(["    line 11", "    … and 8 more lines", "4 passed, 2 failed, 2 skipped"]);
});
