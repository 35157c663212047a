import { setTimeout as sleep } from "node:timers/promises";
import type { Ask } from "../dns/asker.ts";
import { canonicalJson } from "../model/canonical-json.ts";
import { type DnsAnswer, type DnsAnswers, type DnsQuestion, questionKey } from "../status/dns-published.ts";

/** Milliseconds between two looks at the same records, */
export interface LookupTiming {
	/** where they are as they should be, */
	readonly settled: number;
	/** and where they are not. */
	readonly open: number;
}

const usualTiming: LookupTiming = { settled: 5 * 60_000, open: 30_000 };
/** Milliseconds between two looks at the clock, at most. */
const pace = 2_000;
/** Federations looked up at once. */
const concurrency = 8;

interface Target {
	questions: readonly DnsQuestion[];
	answers: DnsAnswers | undefined;
	settled: boolean;
	/** Milliseconds of the monotonic clock. */
	askedAt: number;
}

/**
 * Looks up, again and again, what DNS says of federations' names. It asks the DNS servers of the operator's own machine,
 * or those of `--dns-servers`: the cluster's own DNS may be told otherwise than peers are.
 */
export class DnsLookups {
	readonly #targets = new Map<string, Target>();
	readonly #ask: Ask | undefined;
	readonly #timing: LookupTiming;
	readonly #onChange: (federationKey: string) => void;

	/** @param options.ask undefined: nothing is looked up */
	constructor(options: {
		ask: Ask | undefined;
		onChange: (federationKey: string) => void;
		timing?: LookupTiming | undefined;
	}) {
		this.#timing = options.timing ?? usualTiming;
		this.#ask = options.ask;
		this.#onChange = options.onChange;
	}

	/**
	 * States what should be asked of a federation's names and whether that is as it should be, and gives the last answers
	 * to these questions.
	 */
	use(federationKey: string, questions: readonly DnsQuestion[]): DnsAnswers | undefined {
		const known = this.#targets.get(federationKey);
		if (known && canonicalJson(known.questions) === canonicalJson(questions)) return known.answers;
		this.release(federationKey);
		if (questions.length === 0 || !this.#ask) return undefined;
		const target = { questions, answers: undefined, settled: false, askedAt: 0 };
		this.#targets.set(federationKey, target);
		void this.#look(federationKey, target, this.#ask);
		return undefined;
	}

	/** States whether the answers are those that should be: then they are asked for less often. */
	settled(federationKey: string, isSettled: boolean): void {
		const target = this.#targets.get(federationKey);
		if (target) target.settled = isSettled;
	}

	release(federationKey: string): void {
		this.#targets.delete(federationKey);
	}

	/** Asks until `signal` aborts. */
	async run(signal: AbortSignal): Promise<void> {
		const ask = this.#ask;
		if (!ask) return;
		while (!signal.aborted) {
			const due = [...this.#targets].filter(([, { settled, askedAt }]) => {
				return performance.now() - askedAt >= this.#timing[settled ? "settled" : "open"];
			});
			const worker = async () => {
				for (let next = due.pop(); next && !signal.aborted; next = due.pop()) await this.#look(...next, ask);
			};
			await Promise.all(Array.from({ length: concurrency }, worker));
			await sleep(Math.min(pace, this.#timing.open), undefined, { signal }).catch(() => {});
		}
	}

	async #look(federationKey: string, target: Target, ask: Ask): Promise<void> {
		target.askedAt = performance.now();
		const answers: [string, DnsAnswer][] = [];
		for (const question of target.questions) answers.push([questionKey(question), await ask(question)]);
		if (canonicalJson(answers) === canonicalJson([...(target.answers ?? [])])) return;
		target.answers = new Map(answers);
		if (this.#targets.get(federationKey) === target) this.#onChange(federationKey);
	}
}
