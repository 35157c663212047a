import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { styleText } from "node:util";
import { Failure } from "./failure.ts";

export type Colour = "green" | "yellow" | "red" | "bold";
/** Gives a text its colour, or leaves it as it is. */
export type Paint = (colour: Colour, text: string) => string;

/** What a command reads from and writes to. */
export interface Terminal {
	/** A line or more on standard output; waits where a pipe is full. */
	readonly print: (text: string) => Promise<void>;
	/** A line on standard error. */
	readonly note: (text: string) => void;
	/** Content of a file, or of standard input for `-`. */
	readonly read: (file: string) => Promise<string>;
	readonly paint: Paint;
	/** Standard output is a terminal, which can be cleared. */
	readonly isInteractive: boolean;
	readonly now: () => Date;
}

/** No colour: for pipes, and for tests. */
export const plain: Paint = (_colour, words) => words;

export function processTerminal(): Terminal {
	const { stdin, stdout, stderr } = process;
	// Whoever read the output has had enough, as with `| head`.
	stdout.on("error", (error: NodeJS.ErrnoException) => {
		if (error.code !== "EPIPE") throw error;
		process.exit(0);
	});
	return {
		print: async (words) => {
			await new Promise<void>((resolve) => void stdout.write(`${words}\n`, () => resolve()));
		},
		note: (words) => void stderr.write(`${words}\n`),
		read: async (file) => {
			if (file === "-") return await text(stdin);
			try {
				return await readFile(file, "utf8");
			} catch (error) {
				throw new Failure(unreadable(file, error));
			}
		},
		// styleText itself looks at NO_COLOR and at whether stdout is a terminal.
		paint: (colour, words) => styleText(colour, words, { stream: stdout }),
		isInteractive: stdout.isTTY,
		now: () => new Date(),
	};
}

function unreadable(file: string, error: unknown): string {
	const code = error instanceof Error && "code" in error ? error.code : undefined;
	if (code === "ENOENT") return `there is no file ${file}`;
	if (code === "EISDIR") return `${file} is a directory: name the files in it`;
	if (code === "EACCES") return `you may not read ${file}`;
	return `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}
