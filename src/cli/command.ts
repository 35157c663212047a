import type { ParseArgsOptionsConfig } from "node:util";
import { UsageError } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** One command of the program. */
export interface Command {
	/** With that of its group, if it has one: `dns show`. */
	readonly name: string;
	/** One line. */
	readonly summary: string;
	/** What `--help` prints, before the examples. */
	readonly help: string;
	/** Command lines without `kubectl xmppfed`. */
	readonly examples: readonly [string, ...string[]];
	readonly options: ParseArgsOptionsConfig;
	/** What `-o` takes; json and yaml where absent. */
	readonly outputs?: readonly string[];
	/** What its names are, in their order; several words: one of these. */
	readonly takes: readonly ("federation" | "node" | "domain" | readonly string[])[];
	/** @returns the exit code */
	readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>;
}

/** Commands with a first word in common, such as `dns show` and `dns check`. */
export interface CommandGroup {
	readonly name: string;
	/** One line. */
	readonly summary: string;
	readonly commands: readonly Command[];
}

export type Commands = readonly (Command | CommandGroup)[];

/**
 * The command that the first words of a command line name, and what comes after them.
 *
 * @returns undefined as the command where the words name a group only, which is given as `group`
 * @throws {UsageError} where there is no such command
 */
export function findCommand(commands: Commands, [name, ...rest]: readonly string[]) {
	const found = named(commands, name);
	if (!("commands" in found)) return { command: found, rest };
	const [second, ...more] = rest;
	if (second === undefined || second === "--help" || second === "-h") return { group: found };
	return { command: named(found.commands, second, `${found.name} `), rest: more };
}

function named<One extends { readonly name: string }>(commands: readonly One[], name = "", group = ""): One {
	const found = commands.find((candidate) => candidate.name === `${group}${name}`);
	if (found) return found;
	const known = commands.map((candidate) => candidate.name).join(", ");
	throw new UsageError(
		`there is no command ${JSON.stringify(`${group}${name}`)}; there are: ${known}`,
		group.trim() || undefined,
	);
}

/** What `--help` prints of one command. */
export function helpText({ help, examples }: Command): string {
	return `${help}\n\nExamples:\n${examples.map((example) => `  kubectl xmppfed ${example}`).join("\n")}`;
}

/** What `--help` prints of several commands. */
export function overview(commands: Commands): string {
	const width = Math.max(...commands.map(({ name }) => name.length));
	return commands.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`).join("\n");
}
