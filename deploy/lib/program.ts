import { constants } from "node:os";
import { reportError } from "./steps.ts";

/**
 * Runs a command-line program: `main` gets a signal that aborts on SIGINT, SIGTERM and SIGHUP and gives the exit code.
 * An error is printed once; the exit code is then 1, or 128 + the number of the signal that interrupted the program.
 * The process ends when `main` is done, whatever handles are still open.
 */
export async function runProgram(main: (signal: AbortSignal) => Promise<number | undefined>): Promise<never> {
	const controller = new AbortController();
	let interruptedBy: NodeJS.Signals | undefined;
	for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.on(name, () => {
			if (interruptedBy === undefined) process.stderr.write(`\n${name}: cleaning up\n`);
			interruptedBy ??= name;
			controller.abort(new DOMException(`interrupted by ${name}`, "AbortError"));
		});
	}
	let code: number;
	try {
		code = (await main(controller.signal)) ?? 0;
	} catch (error) {
		reportError(error);
		code = 1;
	}
	process.exit(interruptedBy === undefined ? code : 128 + constants.signals[interruptedBy]);
}
