import type { ParseArgsOptionsConfig } from "node:util";
import type { Terminal } from "./terminal.ts";

/** One command of the program. */
export interface Command {
	readonly name: string;
	/** One line. */
	readonly summary: string;
	/** What `--help` prints. */
	readonly help: string;
	readonly options: ParseArgsOptionsConfig;
	/** What its names are, in their order. */
	readonly takes: readonly ("federation" | "node")[];
	/** @returns the exit code */
	readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>;
}
