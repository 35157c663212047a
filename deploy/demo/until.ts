import { setTimeout as sleep } from "node:timers/promises";
import { CommandError } from "../lib/commands.ts";
import { RemedyError } from "../lib/steps.ts";

export interface UntilOptions {
	readonly signal?: AbortSignal | undefined;
	/** Milliseconds until it is given up; 120 s if absent. */
	readonly timeout?: number;
	/** Milliseconds between two tries; 500 if absent. */
	readonly interval?: number;
	/** Called when it is given up: what can be seen, for the error. */
	readonly explain?: () => Promise<string>;
	readonly remedy?: string;
}

/**
 * Calls `attempt` until it gives something other than undefined or false, and gives that. A kubectl command that fails is
 * tried again; any other error is thrown.
 *
 * @throws {RemedyError} when the time is over, with what `explain` tells.
 */
export async function until<T>(
	what: string,
	attempt: () => Promise<T | undefined | false>,
	options: UntilOptions = {},
): Promise<T> {
	const { signal, timeout = 120_000, interval = 500 } = options;
	const deadline = Date.now() + timeout;
	let failure: CommandError | undefined;
	for (;;) {
		try {
			const result = await attempt();
			if (result !== undefined && result !== false) return result;
			failure = undefined;
		} catch (error) {
			if (!(error instanceof CommandError)) throw error;
			failure = error;
		}
		if (Date.now() >= deadline) {
			const seen = (await options.explain?.().catch(() => "")) ?? "";
			throw new RemedyError(
				`waited ${timeout / 1000} s in vain for ${what}.${seen === "" ? "" : `\n${seen.trimEnd()}`}`,
				options.remedy ?? "see that the machine is not overloaded, then run the command again.",
				{ cause: failure },
			);
		}
		await sleep(interval, undefined, { signal });
	}
}
