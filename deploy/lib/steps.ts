import { AsyncLocalStorage } from "node:async_hooks";
import { CommandError } from "./commands.ts";

/** Milliseconds between two signs of life of a running step. */
const SIGN_OF_LIFE = 15_000;
/** How many lines of a failed command's output are shown. */
const SHOWN_LINES = 25;

/** An error whose remedy is known: `message` says what is wrong, `remedy` what to do. */
export class RemedyError extends Error {
	override readonly name = "RemedyError";
	readonly remedy: string;
	constructor(message: string, remedy: string, options?: ErrorOptions) {
		super(message, options);
		this.remedy = remedy;
	}
}

const reported = new WeakSet<object>();

interface RunningStep {
	readonly indent: string;
	/** How many steps run within this one. */
	inner: number;
}

const running = new AsyncLocalStorage<RunningStep>();

/**
 * Runs one long step and tells of it on standard error: its start, the time elapsed every 15 s, its end with the time it
 * took. On failure it shows the end of the failed command's output, where the whole log is, and the remedy where one is
 * known; the error is thrown on. Steps may be nested, then the innermost gives the signs of life; and they may run at the
 * same time.
 */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
	const started = Date.now();
	const outer = running.getStore();
	const self: RunningStep = { indent: outer ? `${outer.indent}  ` : "", inner: 0 };
	const say = (text: string) => process.stderr.write(`${self.indent}${text}\n`);
	say(`▸ ${title}`);
	const timer = setInterval(() => {
		if (self.inner === 0) say(`  … ${title}: ${elapsed(started)}`);
	}, SIGN_OF_LIFE);
	if (outer) outer.inner++;
	try {
		const result = await running.run(self, work);
		say(`✓ ${title} (${elapsed(started)})`);
		return result;
	} catch (error) {
		say(`✗ ${title} (${elapsed(started)})`);
		reportError(error, self.indent);
		throw error;
	} finally {
		clearInterval(timer);
		if (outer) outer.inner--;
	}
}

/** One line on standard error, within the running step. */
export function note(text: string): void {
	const within = running.getStore();
	process.stderr.write(`${within ? `${within.indent}  ` : ""}${text}\n`);
}

/** Prints an error once, however many steps it passes through. */
export function reportError(error: unknown, indent = ""): void {
	if (typeof error === "object" && error !== null) {
		if (reported.has(error)) return;
		reported.add(error);
	}
	for (const line of describeError(error)) process.stderr.write(`${indent}  ${line}\n`);
}

/** What is wrong, the lines of output that matter, the log and the remedy, one line each. Pure. */
export function describeError(error: unknown): string[] {
	if (!(error instanceof Error)) return [String(error)];
	if (error.name === "AbortError") return ["interrupted"];
	const lines = error.message.split("\n");
	const failed = findCommandError(error);
	if (failed) {
		if (failed !== error) lines.push(failed.message);
		lines.push(...relevantLines(failed.output).map((line) => `  | ${line}`));
		if (failed.log) lines.push(`whole log: ${failed.log}`);
	} else if (!(error instanceof RemedyError) && error.stack) {
		lines.push(...error.stack.split("\n").slice(lines.length, lines.length + 4));
	}
	if (error instanceof RemedyError) lines.push(`what to do: ${error.remedy}`);
	return lines;
}

function findCommandError(error: Error): CommandError | undefined {
	let current: unknown = error;
	while (current instanceof Error) {
		if (current instanceof CommandError) return current;
		current = current.cause;
	}
	return undefined;
}

/**
 * The last lines of a command's output. Where lines before them speak of an error, the last five of those come first,
 * because tools often end with a general remark.
 */
export function relevantLines(text: string, shown = SHOWN_LINES): string[] {
	const lines = text.split("\n").filter((line) => line.trim() !== "");
	const last = lines.slice(-shown);
	const before = lines.slice(0, -shown).filter((line) => /\b(error|fatal|panic|failed|cannot)\b/i.test(line));
	return before.length > 0 ? [...before.slice(-5), "…", ...last] : last;
}

function elapsed(started: number): string {
	const seconds = Math.round((Date.now() - started) / 1000);
	return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
