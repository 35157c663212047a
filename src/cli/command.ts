import type { Terminal } from "./terminal.ts";

/** One command of the program. */
export interface Command {
	readonly name: string;
	/** One line. */
	readonly summary: string;
	/** What `--help` prints. */
	readonly help: string;
	/** @returns the exit code */
	readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>;
}
