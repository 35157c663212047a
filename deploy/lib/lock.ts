import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { note } from "./steps.ts";

/** Milliseconds after which a process that waits for a lock says so. */
const SAY_WAITING = 2_000;

/**
 * Holds an exclusive lock on `path` while `work` runs; waits for whoever holds it now. The kernel keeps the lock
 * (flock(2), by way of util-linux), in a child that ends with this process: a crash leaves no stale lock behind. The
 * empty lock file stays, because removing it would race with one who waits for it.
 */
export async function withLock<T>(path: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
	signal?.throwIfAborted();
	await mkdir(dirname(path), { recursive: true });
	// `cat` ends when the pipe from this process closes, also when this process is killed.
	const holder = spawn("flock", ["--exclusive", path, "sh", "-c", "echo held; exec cat"], {
		detached: true,
		stdio: ["pipe", "pipe", "inherit"],
	});
	holder.stdin.on("error", () => {});
	const waiting = setTimeout(() => note(`waiting for another run that holds ${path}`), SAY_WAITING);
	const onAbort = () => holder.kill("SIGTERM");
	signal?.addEventListener("abort", onAbort, { once: true });
	try {
		await new Promise<void>((resolve, reject) => {
			holder.once("error", (error) =>
				reject(new Error("flock was not found; it comes with util-linux", { cause: error })),
			);
			holder.once("exit", (code) => reject(new Error(`the lock on ${path} was not got (flock exit code ${code})`)));
			holder.stdout.once("data", () => resolve());
		}).catch((error: unknown) => {
			signal?.throwIfAborted();
			throw error;
		});
	} finally {
		clearTimeout(waiting);
		signal?.removeEventListener("abort", onAbort);
	}
	try {
		return await work();
	} finally {
		holder.stdin.end();
	}
}
