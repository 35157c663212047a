import { spawn } from "node:child_process";

/**
 * Runs a program whose output goes to the terminal as it comes.
 *
 * @returns its exit code; 128 where a signal ended it
 * @throws the signal's reason where `signal` aborted, once the program has ended
 */
export async function passThrough(
	command: readonly string[],
	options: { readonly cwd?: string; readonly signal?: AbortSignal },
): Promise<number> {
	const [program, ...args] = command;
	if (program === undefined) throw new TypeError("a command needs a program");
	const { cwd, signal } = options;
	signal?.throwIfAborted();
	const child = spawn(program, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
	const end = () => child.kill("SIGTERM");
	signal?.addEventListener("abort", end, { once: true });
	try {
		const code = await new Promise<number>((resolve, reject) => {
			child.once("error", reject);
			child.once("exit", (exitCode) => resolve(exitCode ?? 128));
		});
		signal?.throwIfAborted();
		return code;
	} finally {
		signal?.removeEventListener("abort", end);
	}
}
