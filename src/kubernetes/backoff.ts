import { setTimeout as sleep } from "node:timers/promises";

export interface BackoffOptions {
	/** First delay before jitter (ms). */
	readonly base: number;
	/** Longest delay before jitter (ms). */
	readonly cap: number;
}

/**
 * Delay (ms) before repetition number `failures` (1 is the first): doubles from base to cap, then between half of that
 * and all of it at random, so that those who failed together do not come back together.
 */
export function backoff({ base, cap }: BackoffOptions, failures: number, random: () => number = Math.random): number {
	// 2 ** 31 is beyond any cap; the exponent is bounded so that it never becomes infinite.
	const full = Math.min(cap, base * 2 ** Math.min(failures - 1, 31));
	return full * (0.5 + random() / 2);
}

/** Waits for `ms`, or until the signal is aborted: then it returns early. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
	try {
		await sleep(ms, undefined, { signal });
	} catch (error) {
		if (!signal.aborted) throw error;
	}
}
