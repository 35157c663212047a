import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** How long a command may go on after SIGTERM before it gets SIGKILL, in milliseconds. */
const KILL_AFTER = 5_000;
/** How much of a command's standard error is kept for the error message, in characters. */
const KEPT_ERROR_OUTPUT = 64 * 1024;

export interface CommandOptions {
	readonly cwd?: string | undefined;
	/** Added to this process's environment; `undefined` removes a variable. */
	readonly env?: Readonly<Record<string, string | undefined>> | undefined;
	/** What the command reads on standard input; nothing if absent. */
	readonly input?: string | Readable | undefined;
	/** A file that gets the command line and all output, appended. */
	readonly log?: string | undefined;
	readonly signal?: AbortSignal | undefined;
	/** Milliseconds after which the command is ended and the call fails. */
	readonly timeout?: number | undefined;
	/** Exit codes that are no failure (0 only). */
	readonly accept?: readonly number[] | undefined;
}

export interface CommandResult {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** A command that could not be started, exited with a code that means failure, or was ended by a signal. */
export class CommandError extends Error {
	override readonly name = "CommandError";
	/** Program and arguments. */
	readonly command: readonly string[];
	/** Exit code; undefined where the command did not start or was ended by a signal. */
	readonly code: number | undefined;
	/** All of standard output and the end of standard error. */
	readonly output: string;
	/** The file with the whole output, where there is one. */
	readonly log: string | undefined;

	constructor(
		command: readonly string[],
		reason: string,
		details: { code?: number | undefined; output?: string; log?: string | undefined; cause?: unknown },
	) {
		super(`${describeCommand(command)}: ${reason}`, { cause: details.cause });
		this.command = command;
		this.code = details.code;
		this.output = details.output ?? "";
		this.log = details.log;
	}
}

/** The command line for people: quoted where needed, cut at 160 characters. */
export function describeCommand(command: readonly string[]): string {
	const line = command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`));
	const text = line.join(" ").replaceAll("\n", "⏎");
	return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}

/** The environment of this process with `changes` made to it. */
function environment(changes: CommandOptions["env"]): NodeJS.ProcessEnv {
	const merged: NodeJS.ProcessEnv = { ...process.env, ...changes };
	for (const [name, value] of Object.entries(merged)) if (value === undefined) delete merged[name];
	return merged;
}

/**
 * Runs a program (no shell) in a process group of its own and gives its output. On abort and on time-out the whole
 * group is ended: SIGTERM, then SIGKILL after 5 s.
 *
 * @throws {CommandError} where the program is missing, exits with a code not in `accept`, or is ended by a signal.
 * @throws the signal's reason where `signal` aborted.
 */
export async function run(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
	const [program, ...args] = command;
	if (program === undefined) throw new TypeError("a command needs a program");
	const { signal, timeout } = options;
	signal?.throwIfAborted();
	if (options.log) await mkdir(dirname(options.log), { recursive: true });

	const child = spawn(program, args, {
		cwd: options.cwd,
		env: environment(options.env),
		detached: true,
		stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
	});
	const log = options.log ? createWriteStream(options.log, { flags: "a" }) : undefined;
	log?.write(`$ ${describeCommand(command)}\n`);

	let stdout = "";
	let stderr = "";
	child.stdout?.setEncoding("utf8").on("data", (text: string) => {
		stdout += text;
		log?.write(text);
	});
	child.stderr?.setEncoding("utf8").on("data", (text: string) => {
		stderr = (stderr + text).slice(-KEPT_ERROR_OUTPUT);
		log?.write(text);
	});
	if (child.stdin && options.input !== undefined) {
		if (typeof options.input === "string") {
			// A program may end before it has read all; its exit code says whether that is a failure.
			child.stdin.on("error", () => {});
			child.stdin.end(options.input);
		} else {
			pipeline(options.input, child.stdin).catch(() => {});
		}
	}

	let timedOut = false;
	let hardKill: NodeJS.Timeout | undefined;
	const end = () => {
		killGroup(child.pid, "SIGTERM");
		hardKill ??= setTimeout(() => killGroup(child.pid, "SIGKILL"), KILL_AFTER);
	};
	const limit = timeout === undefined ? undefined : setTimeout(() => ((timedOut = true), end()), timeout);
	signal?.addEventListener("abort", end, { once: true });
	try {
		const [code, killedBy] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
			child.once("error", reject);
			child.once("close", (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
		}).catch((error: NodeJS.ErrnoException) => {
			const reason = error.code === "ENOENT" ? `${program} was not found` : error.message;
			throw new CommandError(command, reason, { cause: error, log: options.log });
		});
		signal?.throwIfAborted();
		const details = { code: code ?? undefined, output: stdout + stderr, log: options.log };
		if (timedOut) throw new CommandError(command, `not done after ${(timeout ?? 0) / 1000} s`, details);
		if (code === null) throw new CommandError(command, `ended by ${killedBy}`, details);
		if (code !== 0 && !options.accept?.includes(code)) {
			throw new CommandError(command, `exit code ${code}`, details);
		}
		return { code, stdout, stderr };
	} finally {
		clearTimeout(limit);
		clearTimeout(hardKill);
		signal?.removeEventListener("abort", end);
		if (log) await new Promise<void>((resolve) => log.end(resolve));
	}
}

/** Like `run`; gives standard output without the white space at its ends. */
export async function output(command: readonly string[], options: CommandOptions = {}): Promise<string> {
	return (await run(command, options)).stdout.trim();
}

/** Like `run`, but false where the program is missing or fails. Aborting still throws. */
export async function succeeds(command: readonly string[], options: CommandOptions = {}): Promise<boolean> {
	try {
		await run(command, options);
		return true;
	} catch (error) {
		if (error instanceof CommandError) return false;
		throw error;
	}
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
	if (pid === undefined) return;
	try {
		process.kill(-pid, signal);
	} catch {
		// The group is gone already.
	}
}
