import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
	/** Milliseconds until it is given up (30 s). */
	readonly timeout?: number;
	/** Milliseconds between two tries (100). */
	readonly interval?: number;
}

/** What was waited for can no longer come. */
export class Hopeless extends Error {
	override readonly name = "Hopeless";
}

/**
 * Calls `attempt` until it gives something other than undefined or false, and gives that. An attempt that throws is
 * tried again, unless it throws `Hopeless`; its last error is the cause of the failure.
 *
 * @throws {Error} "waited N s in vain for DESCRIPTION".
 */
export async function waitFor<T>(
	description: string,
	attempt: () => T | Promise<T>,
	{ timeout = 30_000, interval = 100 }: WaitOptions = {},
): Promise<Exclude<T, undefined | false>> {
	const deadline = Date.now() + timeout;
	let cause: unknown;
	for (;;) {
		try {
			const result = await attempt();
			if (result !== undefined && result !== false) {
				// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the line above has excluded the others
				return result as Exclude<T, undefined | false>;
			}
			cause = undefined;
		} catch (error) {
			if (error instanceof Hopeless) throw error;
			cause = error;
		}
		if (Date.now() >= deadline) {
			const why = cause instanceof Error ? `: ${cause.message}` : "";
			throw new Error(`waited ${timeout / 1000} s in vain for ${description}${why}`, { cause });
		}
		await sleep(interval);
	}
}
