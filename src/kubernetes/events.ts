import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import type { KubernetesClient } from "./client.ts";
import { ApiError, isNotFound } from "./errors.ts";
import type { KubernetesObject } from "./object.ts";
import { WorkQueue } from "./queue.ts";
import { type Event, events } from "./resources.ts";
import { microTime } from "./time.ts";

export interface EventToRecord {
	/** What the event is about; it is written to the same namespace. */
	readonly regarding: KubernetesObject;
	readonly related?: KubernetesObject;
	readonly type: "Normal" | "Warning";
	/** Why, in UpperCamelCase; up to 128 characters. */
	readonly reason: string;
	/** What was done, in UpperCamelCase; up to 128 characters. */
	readonly action: string;
	/** A sentence for people. Cut at 1,024 bytes. */
	readonly note: string;
}

export interface EventRecorderOptions {
	readonly client: KubernetesClient;
	readonly log: Logger;
	/** Who reports, as `xmppfed.dev/operator`. */
	readonly controller: string;
	/** Which process of it, as the pod's name. */
	readonly instance: string;
	readonly limits?: Partial<EventLimits>;
}

export interface EventLimits {
	/** An event that happens again within this time (ms) is counted in the object that is there. */
	readonly seriesWindow: number;
	/** The count of a series is written at most this often (ms); the first repetition at once. */
	readonly seriesInterval: number;
	/** Writes that may be made at once, and how many come back each second. */
	readonly burst: number;
	readonly perSecond: number;
	/** Different events that are kept in mind; more are dropped. */
	readonly maxEvents: number;
}

const defaultLimits: EventLimits = {
	seriesWindow: 6 * 60_000,
	seriesInterval: 60_000,
	burst: 50,
	perSecond: 10,
	maxEvents: 1000,
};

const maxNoteBytes = 1024;
const maxAttempts = 3;
/** How long (ms) a stop waits for what was not yet written. */
const stopTimeout = 3000;

interface Series {
	readonly event: EventToRecord;
	readonly first: Date;
	last: Date;
	count: number;
	/** Name of the object, once it exists. */
	name: string | undefined;
	/** The count that the object has. */
	written: number;
	/** ms of the monotonic clock. */
	writtenAt: number;
	attempts: number;
	/** Settled when the first write is over, or put off. */
	readonly told: PromiseWithResolvers<void>;
}

/**
 * Writes Events (events.k8s.io/v1) in the background. The same event again becomes a series of the first one instead of
 * an object of its own, the rate is bounded, and what fails is logged: recording never disturbs what it reports on.
 */
export class EventRecorder {
	readonly #options: EventRecorderOptions;
	readonly #limits: EventLimits;
	readonly #series = new Map<string, Series>();
	readonly #queue: WorkQueue;
	#tokens: number;
	#tokensAt = performance.now();
	#dropped = 0;

	constructor(options: EventRecorderOptions) {
		this.#options = options;
		this.#limits = { ...defaultLimits, ...options.limits };
		this.#tokens = this.#limits.burst;
		this.#queue = new WorkQueue({
			concurrency: 1,
			process: (key, signal) => this.#process(key, signal),
			backoff: { base: 1000, cap: 10_000 },
		});
	}

	record(event: EventToRecord): void {
		this.#add(event);
	}

	/**
	 * Records an event that should be there before an act: waits for the end of its first write, good or bad, or for the
	 * decision to put it off because there are too many. Never throws.
	 */
	async recordFirst(event: EventToRecord): Promise<void> {
		await this.#add(event)?.told.promise;
	}

	#add(event: EventToRecord): Series | undefined {
		const key = seriesKey(event);
		const now = new Date();
		const known = this.#series.get(key);
		if (known && now.getTime() - known.last.getTime() < this.#limits.seriesWindow) {
			known.last = now;
			known.count++;
			// The second one is told at once, later ones together.
			const due = known.written <= 1 ? 0 : known.writtenAt + this.#limits.seriesInterval - performance.now();
			this.#queue.addAfter(key, due);
			return known;
		}
		if (this.#series.size >= this.#limits.maxEvents) this.#forgetOld(now);
		if (this.#series.size >= this.#limits.maxEvents) {
			if (this.#dropped++ % 100 === 0)
				this.#options.log.warn({ dropped: this.#dropped }, "too many events: dropped some");
			return undefined;
		}
		const { name, written, writtenAt } = { name: undefined, written: 0, writtenAt: 0 };
		const told = Promise.withResolvers<void>();
		const series = { event, first: now, last: now, count: 1, name, written, writtenAt, attempts: 0, told };
		this.#series.set(key, series);
		this.#queue.add(key);
		return series;
	}

	/** Writes what has not been written yet, for some seconds at most, and ends; with `drop`, ends at once. */
	async stop({ drop = false }: { readonly drop?: boolean } = {}): Promise<void> {
		const signal = AbortSignal.timeout(stopTimeout);
		await this.#queue.stop({ abort: drop });
		if (drop) return;
		for (const series of this.#series.values()) {
			if (series.written >= series.count || signal.aborted) continue;
			await this.#write(series, signal).catch((error: unknown) => this.#log(series, error));
		}
	}

	async #process(key: string, signal: AbortSignal): Promise<void> {
		const series = this.#series.get(key);
		if (!series || series.written >= series.count) return;
		const wait = this.#takeToken();
		if (wait > 0) {
			series.told.resolve();
			return this.#queue.addAfter(key, wait);
		}
		try {
			await this.#write(series, signal);
			series.attempts = 0;
		} catch (error) {
			this.#log(series, error);
			const hopeless = error instanceof ApiError && error.status < 500 && error.status !== 429;
			if (!hopeless && ++series.attempts < maxAttempts) throw error;
			this.#series.delete(key);
		} finally {
			series.told.resolve();
		}
	}

	async #write(series: Series, signal: AbortSignal): Promise<void> {
		const { client } = this.#options;
		const { count } = series;
		const { namespace = "default" } = series.event.regarding.metadata;
		if (series.name !== undefined) {
			// A series begins with its second event.
			const patch = { series: { count, lastObservedTime: microTime(series.last) } };
			try {
				await client.mergePatch(events, namespace, series.name, patch, { signal });
				return this.#done(series, count);
			} catch (error) {
				// Events live for an hour.
				if (!isNotFound(error)) throw error;
			}
		}
		const object = this.#object(series, namespace);
		await client.create(events, object, { signal });
		series.name = object.metadata.name;
		this.#done(series, count);
	}

	#done(series: Series, count: number): void {
		series.written = count;
		series.writtenAt = performance.now();
	}

	#object({ event, count, first, last }: Series, namespace: string): Event {
		const { regarding, related, type, reason, action, note } = event;
		return {
			apiVersion: events.apiVersion,
			kind: events.kind,
			metadata: { name: `${regarding.metadata.name.slice(0, 236)}.${randomBytes(8).toString("hex")}`, namespace },
			eventTime: microTime(first),
			...(count > 1 && { series: { count, lastObservedTime: microTime(last) } }),
			reportingController: this.#options.controller,
			reportingInstance: this.#options.instance.slice(0, 128),
			type,
			reason,
			action,
			note: cut(note, maxNoteBytes),
			regarding: reference(regarding),
			...(related && { related: reference(related) }),
		};
	}

	/** Takes a token, or gives the time (ms) until there is one. */
	#takeToken(): number {
		const { burst, perSecond } = this.#limits;
		const now = performance.now();
		this.#tokens = Math.min(burst, this.#tokens + ((now - this.#tokensAt) / 1000) * perSecond);
		this.#tokensAt = now;
		if (this.#tokens < 1) return ((1 - this.#tokens) / perSecond) * 1000;
		this.#tokens--;
		return 0;
	}

	#forgetOld(now: Date): void {
		for (const [key, { last, written, count }] of this.#series) {
			if (written >= count && now.getTime() - last.getTime() >= this.#limits.seriesWindow) this.#series.delete(key);
		}
	}

	#log({ event }: Series, error: unknown): void {
		const { namespace, name } = event.regarding.metadata;
		this.#options.log.warn({ err: error, namespace, name, reason: event.reason }, "an event was not written");
	}
}

function seriesKey({ regarding, related, type, reason, action, note }: EventToRecord): string {
	const about = [regarding, related].map(
		(object) => object && [object.kind, object.metadata.uid, object.metadata.name],
	);
	return JSON.stringify([about, regarding.metadata.namespace, type, reason, action, note]);
}

function reference({ apiVersion, kind, metadata }: KubernetesObject) {
	const { name, namespace, uid, resourceVersion } = metadata;
	return {
		apiVersion,
		kind,
		name,
		...(namespace !== undefined && { namespace }),
		...(uid !== undefined && { uid }),
		...(resourceVersion !== undefined && { resourceVersion }),
	};
}

/** At most `bytes` bytes of UTF-8, whole characters, with an ellipsis where something is missing. */
function cut(text: string, bytes: number): string {
	if (Buffer.byteLength(text) <= bytes) return text;
	const ellipsis = "…";
	const room = bytes - Buffer.byteLength(ellipsis);
	let used = 0;
	let end = 0;
	for (const character of text) {
		used += Buffer.byteLength(character);
		if (used > room) break;
		end += character.length;
	}
	return text.slice(0, end) + ellipsis;
}
