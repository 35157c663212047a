import { type BackoffOptions, backoff } from "./backoff.ts";

export interface QueueOptions {
	/**
	 * Brings one key to its wanted state. Never runs twice at once for one key. The signal is aborted when the queue
	 * stops without waiting.
	 */
	readonly process: (key: string, signal: AbortSignal) => Promise<void>;
	/** Keys that are processed at once, at most. */
	readonly concurrency: number;
	/** Delay after a failure, per key. */
	readonly backoff?: BackoffOptions;
	/** Least delay (ms) after this failure, where a server says when to come back. */
	readonly leastDelay?: (error: unknown) => number;
	readonly hooks?: QueueHooks;
	/** Between 0 and 1, for jitter. */
	readonly random?: () => number;
}

/** For logs and metrics. */
export interface QueueHooks {
	/** A run begins; `waited` is the time (s) since the key was added. */
	readonly started?: (key: string, waited: number) => void;
	/** A run ended after `seconds`. */
	readonly succeeded?: (key: string, seconds: number) => void;
	/** A run failed after `seconds`, for the given number of times in succession; the next is `delay` ms away. */
	readonly failed?: (key: string, seconds: number, error: unknown, failures: number, delay: number) => void;
	/** The number of keys that wait changed. */
	readonly depth?: (waiting: number) => void;
}

const defaultBackoff: BackoffOptions = { base: 500, cap: 60_000 };

/**
 * Keys that are to be processed. A key that is added while it waits is processed once; one that is added while it is
 * processed is processed again afterwards, so no change is missed. A key that failed comes again after its own delay,
 * or at once when it is added: the change may be the repair. Only the delay that a server asked for is kept in any case.
 *
 * A run begins by dropping the delayed addition of its key: process looks at everything and asks for the next time
 * itself, through {@link WorkQueue.addAfter}.
 */
export class WorkQueue {
	readonly #options: QueueOptions;
	/** Keys to process, oldest first, with the time at which they were added (ms of the monotonic clock). */
	readonly #waiting = new Map<string, number>();
	readonly #processing = new Map<string, Promise<void>>();
	readonly #delayed = new Map<string, { readonly timer: NodeJS.Timeout; readonly at: number }>();
	readonly #failures = new Map<string, number>();
	/** Keys that a server has asked to leave alone, until when (ms of the monotonic clock). */
	readonly #held = new Map<string, number>();
	readonly #abort = new AbortController();
	#stopped = false;
	#startScheduled = false;

	constructor(options: QueueOptions) {
		this.#options = options;
	}

	/** Keys that wait for a free place or for the end of their own run; delayed ones do not count. */
	get waiting(): number {
		return this.#waiting.size;
	}

	get processing(): number {
		return this.#processing.size;
	}

	add(key: string): void {
		if (this.#stopped || this.#waiting.has(key)) return;
		this.#waiting.set(key, performance.now());
		this.#options.hooks?.depth?.(this.#waiting.size);
		this.#scheduleStart();
	}

	/** Adds the key after `delay` ms, or earlier where that was asked for before. */
	addAfter(key: string, delay: number): void {
		if (this.#stopped) return;
		if (delay <= 0) return this.add(key);
		const at = performance.now() + delay;
		const existing = this.#delayed.get(key);
		if (existing && existing.at <= at) return;
		clearTimeout(existing?.timer);
		const timer = setTimeout(() => {
			this.#delayed.delete(key);
			this.add(key);
		}, delay);
		this.#delayed.set(key, { timer, at });
	}

	/** The object is gone: drops its failures and its delayed addition. */
	forget(key: string): void {
		this.#failures.delete(key);
		this.#held.delete(key);
		this.#cancelDelayed(key);
	}

	/** Starts nothing more and waits for what runs; with `abort`, what runs is told to end at once. */
	async stop({ abort = false }: { readonly abort?: boolean } = {}): Promise<void> {
		this.#stopped = true;
		this.#waiting.clear();
		for (const { timer } of this.#delayed.values()) clearTimeout(timer);
		this.#delayed.clear();
		if (abort) this.#abort.abort();
		await Promise.all(this.#processing.values());
	}

	/** Later in the same turn of the event loop, so that what one list brings for a key leads to one run. */
	#scheduleStart(): void {
		if (this.#startScheduled) return;
		this.#startScheduled = true;
		queueMicrotask(() => {
			this.#startScheduled = false;
			this.#startNext();
		});
	}

	/** Starts keys that may run, oldest first, as long as there are free places. */
	#startNext(): void {
		for (const [key, added] of this.#waiting) {
			if (this.#stopped || this.#processing.size >= this.#options.concurrency) return;
			if (this.#processing.has(key)) continue;
			this.#waiting.delete(key);
			this.#options.hooks?.depth?.(this.#waiting.size);
			const held = (this.#held.get(key) ?? 0) - performance.now();
			if (held > 0) {
				this.addAfter(key, held);
				continue;
			}
			this.#cancelDelayed(key);
			const run = this.#run(key, added).finally(() => {
				this.#processing.delete(key);
				this.#scheduleStart();
			});
			this.#processing.set(key, run);
		}
	}

	async #run(key: string, added: number): Promise<void> {
		const { hooks, random } = this.#options;
		const started = performance.now();
		const elapsed = () => (performance.now() - started) / 1000;
		hooks?.started?.(key, (started - added) / 1000);
		try {
			await this.#options.process(key, this.#abort.signal);
			this.#failures.delete(key);
			this.#held.delete(key);
			hooks?.succeeded?.(key, elapsed());
		} catch (error) {
			if (this.#abort.signal.aborted) return;
			const failures = (this.#failures.get(key) ?? 0) + 1;
			this.#failures.set(key, failures);
			const least = this.#options.leastDelay?.(error) ?? 0;
			if (least > 0) this.#held.set(key, performance.now() + least);
			const delay = Math.max(least, backoff(this.#options.backoff ?? defaultBackoff, failures, random));
			this.addAfter(key, delay);
			hooks?.failed?.(key, elapsed(), error, failures, delay);
		}
	}

	#cancelDelayed(key: string): void {
		clearTimeout(this.#delayed.get(key)?.timer);
		this.#delayed.delete(key);
	}
}
