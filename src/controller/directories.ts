import { setTimeout as sleep } from "node:timers/promises";
import { canonicalJson } from "../model/canonical-json.ts";
import { sameItems } from "../model/same-items.ts";
import { type DirectoryQuestion, readDirectory } from "./read-directory.ts";

/** What a directory said last. */
export interface DirectoryAnswer {
	/** Texts of its entries (`writeEntry`), sorted. Undefined while it has not said anything yet. */
	readonly entries: readonly string[] | undefined;
	/** Why it could not be read since, without a full stop. */
	readonly failure?: string;
}

interface Target {
	/** It and its answers end with this. */
	readonly stop: AbortController;
	readonly question: string;
	readonly refreshSeconds: number;
	answer: DirectoryAnswer | undefined;
}

/** Reads at once: each takes a connection, and memory for all its people. */
const concurrency = 2;
/** Seconds until a directory that could not be read is tried again. */
const again = 30;
/** Of the time between two looks, more or less at random: operators that start together do not ask together for ever. */
const jitter = 0.1;

/**
 * Looks, again and again, into the directories that federations name: one connection at a time for each, which ends when
 * all is read. What was read last stands where a directory cannot be read.
 */
export class Directories {
	readonly #targets = new Map<string, Target>();
	readonly #waiting: (() => void)[] = [];
	#running = 0;
	readonly #signal: AbortSignal;
	readonly #onChange: (federationKey: string) => void;
	readonly #second: number;

	/** @param options.second milliseconds of a second of the time between two looks */
	constructor(options: {
		signal: AbortSignal;
		onChange: (federationKey: string) => void;
		second?: number | undefined;
	}) {
		this.#signal = options.signal;
		this.#onChange = options.onChange;
		this.#second = options.second ?? 1_000;
	}

	/** States what to ask for a federation, and gives the last answer to that. */
	use(federationKey: string, question: DirectoryQuestion, refreshSeconds: number): DirectoryAnswer | undefined {
		const known = this.#targets.get(federationKey);
		const text = canonicalJson(question);
		if (known?.question === text && known.refreshSeconds === refreshSeconds) return known.answer;
		this.release(federationKey);
		const target = {
			stop: new AbortController(),
			question: text,
			refreshSeconds,
			answer: undefined,
		};
		this.#targets.set(federationKey, target);
		void this.#follow(federationKey, target, question);
		return undefined;
	}

	release(federationKey: string): void {
		this.#targets.get(federationKey)?.stop.abort();
		this.#targets.delete(federationKey);
	}

	async #follow(federationKey: string, target: Target, question: DirectoryQuestion): Promise<void> {
		const signal = AbortSignal.any([this.#signal, target.stop.signal]);
		while (!signal.aborted) {
			await this.#inTurn(signal, async () => await this.#look(federationKey, target, question, signal));
			const usual = target.refreshSeconds;
			const seconds = target.answer?.failure === undefined ? usual : Math.min(usual, again);
			const spread = 1 + jitter * (2 * Math.random() - 1);
			await sleep(seconds * spread * this.#second, undefined, { signal, ref: false }).catch(() => {});
		}
	}

	async #inTurn(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
		if (this.#running === concurrency) await new Promise<void>((resolve) => this.#waiting.push(resolve));
		else this.#running += 1;
		try {
			if (!signal.aborted) await work();
		} finally {
			const next = this.#waiting.shift();
			if (next) next();
			else this.#running -= 1;
		}
	}

	async #look(federationKey: string, target: Target, question: DirectoryQuestion, signal: AbortSignal): Promise<void> {
		const before = target.answer;
		try {
			const entries = (await readDirectory(question, signal)).toSorted();
			// The same object as long as it says the same: who made something of it need not do so again.
			if (!before?.entries || !sameItems(before.entries, entries)) target.answer = { entries };
			else if (before.failure !== undefined) target.answer = { entries: before.entries };
		} catch (error) {
			const failure = error instanceof Error ? error.message : String(error);
			if (before?.failure !== failure) target.answer = { entries: before?.entries, failure };
		}
		if (target.answer !== before && !signal.aborted) this.#onChange(federationKey);
	}
}
