import { relative } from "node:path";
import { z } from "zod";

/** What is known of the tests of one part, or of several. `failures` name each that failed, with the reason's first lines. */
export interface Outcome {
	readonly passed: number;
	readonly failed: number;
	readonly skipped: number;
	readonly failures: readonly Failure[];
}

export interface Failure {
	/** Where: a test file, relative to the repository, or the title of a check. */
	readonly where: string;
	/** The full name of the test; absent where the file itself could not be run. */
	readonly test?: string;
	readonly reason: string;
}

/** Lines of a reason that are told: an assertion and the difference; the whole is in the output of the part itself. */
const reasonLines = 12;

const vitestReport = z.object({
	numPassedTests: z.int(),
	numFailedTests: z.int(),
	numPendingTests: z.int(),
	numTodoTests: z.int(),
	testResults: z.array(
		z.object({
			name: z.string(),
			status: z.string(),
			message: z.string().default(""),
			assertionResults: z.array(
				z.object({
					fullName: z.string(),
					status: z.string(),
					failureMessages: z
						.array(z.string())
						.nullish()
						.transform((messages) => messages ?? []),
				}),
			),
		}),
	),
});

/** The outcome that vitest's JSON report tells. `root` is the directory that the names of files are shown from. */
export function readReport(text: string, root: string): Outcome {
	const report = vitestReport.parse(JSON.parse(text));
	const failures = report.testResults.flatMap((file): Failure[] => {
		const where = relative(root, file.name);
		const failed = file.assertionResults.filter((result) => result.status === "failed");
		// A file that cannot be loaded, or whose hooks fail, fails with no test of it counted.
		if (failed.length === 0 && file.status === "failed") return [{ where, reason: beginning(file.message) }];
		return failed.map((result) => ({
			where,
			test: result.fullName,
			reason: beginning(result.failureMessages.join("\n")),
		}));
	});
	return {
		passed: report.numPassedTests,
		failed: Math.max(report.numFailedTests, failures.length),
		skipped: report.numPendingTests + report.numTodoTests,
		failures,
	};
}

/** One outcome of several. */
export function total(outcomes: readonly Outcome[]): Outcome {
	return {
		passed: sum(outcomes.map(({ passed }) => passed)),
		failed: sum(outcomes.map(({ failed }) => failed)),
		skipped: sum(outcomes.map(({ skipped }) => skipped)),
		failures: outcomes.flatMap(({ failures }) => failures),
	};
}

/** The end of a run, for people who see only that: each failure by name, then the figures. */
export function summary({ passed, failed, skipped, failures }: Outcome): string {
	const told = failures.map(({ where, test, reason }) => {
		const title = test === undefined ? where : `${where} > ${test}`;
		return `✗ ${title}\n${reason.replace(/^(?=.)/gm, "    ")}`;
	});
	return [...told, `${passed} passed, ${failed} failed, ${skipped} skipped`].join("\n");
}

function beginning(message: string): string {
	// Of the stack, frames of the tests say where; the many of vitest say nothing.
	const lines = message
		.split("\n")
		.filter((line) => line.trim() !== "" && !/^\s+at .*(node_modules|node:internal|<anonymous>)/.test(line));
	const more = lines.length - reasonLines;
	return [...lines.slice(0, reasonLines), ...(more > 0 ? [`… and ${more} more lines`] : [])].join("\n");
}

function sum(numbers: readonly number[]): number {
	return numbers.reduce((all, number) => all + number, 0);
}
