import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { clusterDown } from "../deploy/kind/cluster.ts";
import { CommandError } from "../deploy/lib/commands.ts";
import { passThrough } from "../deploy/lib/pass-through.ts";
import { runProgram } from "../deploy/lib/program.ts";
import { reportError, step } from "../deploy/lib/steps.ts";
import { type Failure, type Outcome, readReport, summary, total } from "./lib/test-report.ts";

/**
 * `npm test`: all set-up and every test. `npm test -- unit gateway` runs these parts only; what follows `--` goes to
 * vitest. `npm run test:long` (`--long`) runs whole matrices where `npm test` runs a part of them. Parts run from fast to
 * slow, so that a mistake shows early; all run, so that one run shows all.
 */
const parts = ["static", "unit", "apiserver", "gateway", "cluster"] as const;
type Part = (typeof parts)[number];

const testCluster = process.env["XMPPFED_TEST_CLUSTER"] ?? "xmppfed-test";
const root = fileURLToPath(new URL("..", import.meta.url));

const staticChecks: Readonly<Record<string, readonly string[]>> = {
	"type check": ["tsc", "--noEmit"],
	lint: ["oxlint", "--type-aware", "--deny-warnings"],
	format: ["biome", "ci", "."],
};

async function main(signal: AbortSignal): Promise<number> {
	const { chosen, vitestArguments, long } = parse(process.argv.slice(2));
	if (long) process.env["XMPPFED_TEST_SCALE"] = "long";
	const outcomes: Outcome[] = [];
	for (const part of chosen) outcomes.push(await run(part, vitestArguments, signal));
	const whole = total(outcomes);
	console.log(summary(whole));
	return whole.failed === 0 && whole.passed > 0 ? 0 : 1;
}

async function run(part: Part, vitestArguments: readonly string[], signal: AbortSignal): Promise<Outcome> {
	if (part === "static") return await check(signal);
	if (part !== "cluster" || process.env["XMPPFED_KEEP_CLUSTER"]) return await vitest(part, vitestArguments, signal);
	// What a run that was killed has left is removed first, and whatever ends this one, its cluster goes with it.
	await clusterDown({ name: testCluster });
	try {
		return await vitest(part, vitestArguments, signal);
	} finally {
		await clusterDown({ name: testCluster });
	}
}

function parse(args: readonly string[]): {
	chosen: readonly Part[];
	vitestArguments: readonly string[];
	long: boolean;
} {
	const split = args.indexOf("--");
	const own = split < 0 ? args : args.slice(0, split);
	const names = own.filter((argument) => argument !== "--long");
	const unknown = names.filter((name) => !isPart(name));
	if (unknown.length > 0)
		throw new Error(`no part of the tests is named ${unknown.join(", ")}. There are: ${parts.join(", ")}`);
	return {
		chosen: names.length === 0 ? parts : parts.filter((part) => names.includes(part)),
		vitestArguments: split < 0 ? [] : args.slice(split + 1),
		long: names.length < own.length,
	};
}

function isPart(name: string): name is Part {
	return parts.some((part) => part === name);
}

async function check(signal: AbortSignal): Promise<Outcome> {
	const failures: Failure[] = [];
	for (const [title, command] of Object.entries(staticChecks)) {
		const good = await succeeds(title, command, signal);
		if (!good) failures.push({ where: title, reason: `${command.join(" ")} says what is wrong, above.` });
	}
	const failed = failures.length;
	return { passed: Object.keys(staticChecks).length - failed, failed, skipped: 0, failures };
}

/** Runs a command as a step, whose end shows how it went. */
async function succeeds(title: string, command: readonly string[], signal: AbortSignal): Promise<boolean> {
	try {
		await step(title, async () => {
			const code = await passThrough(command, { cwd: root, signal });
			if (code !== 0) throw new CommandError(command, `exit code ${code}`, { code });
		});
		return true;
	} catch (error) {
		signal.throwIfAborted();
		reportError(error);
		return false;
	}
}

/** Runs one vitest project. One that ends without a report counts as a failure: nothing is known of its tests. */
async function vitest(project: Part, more: readonly string[], signal: AbortSignal): Promise<Outcome> {
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-test-"));
	const report = join(directory, "report.json");
	try {
		const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
		const command = ["vitest", "run", "--project", project, ...reporters, ...more];
		const good = await succeeds(`${project} tests`, command, signal);
		const text = await readFile(report, "utf8").catch(() => undefined);
		const known = text === undefined ? nothing : readReport(text, root);
		// vitest itself failed, as in its global set-up: no test says so.
		if ((!good && known.failed === 0) || text === undefined) return total([known, withoutTest(project)]);
		return known;
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
}

const nothing: Outcome = { passed: 0, failed: 0, skipped: 0, failures: [] };

function withoutTest(project: Part): Outcome {
	const reason = "vitest ended with an error that is no test's, above.";
	return { ...nothing, failed: 1, failures: [{ where: `${project} tests`, reason }] };
}

await runProgram(main);
