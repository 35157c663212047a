import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";
import { type BackoffOptions, backoff, pause } from "./backoff.ts";
import type { KubernetesClient, ObjectList } from "./client.ts";
import { ApiError, describeRefusal } from "./errors.ts";
import type { KubernetesObject, Observed, Resource } from "./object.ts";
import { type ChangeHandler, Store } from "./store.ts";

export interface ReflectorOptions<T extends KubernetesObject> {
	readonly client: KubernetesClient;
	readonly log: Logger;
	readonly resource: Resource<T>;
	/** Absent: all namespaces. */
	readonly namespace?: string;
	readonly labelSelector?: string;
	readonly fieldSelector?: string;
	/** Value that {@link Store.byIndex} finds an object by; undefined keeps it out of the index. */
	readonly index?: (object: Observed<T>) => string | undefined;
	/** What the store keeps of an object; all of it if absent. */
	readonly keep?: (object: Observed<T>) => Observed<T>;
	/** Called for each change, in order. What it throws is logged. */
	readonly onChange?: ChangeHandler<T>;
	/** Called when {@link Reflector.refusal} begins or ends. */
	readonly onRefusal?: () => void;
	readonly timing?: Partial<ReflectorTiming>;
}

export interface ReflectorTiming {
	/** Objects on one page of a list. */
	readonly pageSize: number;
	/** The server ends a watch after this and up to a tenth more (s). */
	readonly watchSeconds: number;
	/** A connection without a byte for this long is dead (ms): the server sends a bookmark about every minute. */
	readonly idleTimeout: number;
	readonly backoff: BackoffOptions;
}

const defaultTiming: ReflectorTiming = {
	pageSize: 500,
	watchSeconds: 290,
	idleTimeout: 150_000,
	backoff: { base: 500, cap: 30_000 },
};

/** A watch that lived this long (ms), or brought something, was a good one: the delay starts anew after it. */
const goodWatch = 10_000;
/** Refusals in a row that count where a watch was once allowed: a server that has just started refuses everything. */
const steadyRefusals = 3;
/** A version that the server keeps refusing without calling it too old (as after a restored backup) is given up. */
const maxRefusals = 4;

/**
 * Keeps a store equal to what the API server has: lists in pages, then watches from the list's version on, resumes
 * where a watch ended, lists again when the server no longer knows the version. Whatever fails is tried again with a
 * growing, jittered delay, for ever.
 */
export class Reflector<T extends KubernetesObject> {
	readonly store: Store<T>;
	/** Resolves when the store holds a whole list for the first time; rejects when stopped before that. */
	readonly synced: Promise<void>;
	/** Resolves when the store holds a whole list or the API server has refused to give one; rejects as `synced` does. */
	readonly answered: Promise<void>;
	readonly #options: ReflectorOptions<T>;
	readonly #timing: ReflectorTiming;
	readonly #log: Logger;
	readonly #synced = Promise.withResolvers<void>();
	readonly #answered = Promise.withResolvers<void>();
	#refusal: ApiError | undefined;
	#refusedInARow = 0;
	/** Whether the server has ever begun a watch. */
	#wasAllowed = false;
	/** Version to watch from; undefined where a list is due. */
	#resourceVersion: string | undefined;
	#failures = 0;
	#refusals = 0;
	#isSynced = false;

	constructor(options: ReflectorOptions<T>) {
		this.#options = options;
		this.#timing = { ...defaultTiming, ...options.timing };
		this.#log = options.log.child({
			resource: options.resource.plural,
			...(options.namespace !== undefined && { namespace: options.namespace }),
		});
		this.synced = this.#synced.promise;
		// Nobody may be waiting for it.
		this.synced.catch(() => {});
		this.answered = this.#answered.promise;
		this.answered.catch(() => {});
		this.store = new Store<T>((previous, current) => this.#tell(previous, current), options.index, options.keep);
	}

	/** Whether the store has held a whole list. */
	get isSynced(): boolean {
		return this.#isSynced;
	}

	/**
	 * Set while the API server refuses to list or watch as such: a right is missing, or the kind. What the store holds
	 * grows old meanwhile. The reflector goes on trying.
	 */
	get refusal(): ApiError | undefined {
		return this.#refusal;
	}

	/** Runs until the signal is aborted; then returns. To be called once. */
	async run(signal: AbortSignal): Promise<void> {
		while (!signal.aborted) {
			try {
				if (this.#resourceVersion === undefined) await this.#list(signal);
				else await this.#watch(this.#resourceVersion, signal);
			} catch (error) {
				if (signal.aborted) break;
				await this.#recover(error, signal);
			}
		}
		this.#synced.reject(signal.reason);
		this.#answered.reject(signal.reason);
	}

	async #list(signal: AbortSignal): Promise<void> {
		const { client, resource, namespace, labelSelector, fieldSelector } = this.#options;
		const items: Observed<T>[] = [];
		let page: ObjectList<T> | undefined;
		do {
			page = await client.list(resource, {
				namespace,
				labelSelector,
				fieldSelector,
				limit: this.#timing.pageSize,
				continue: page?.continue,
				signal,
			});
			for (const item of page.items) items.push(item);
		} while (page.continue !== undefined);
		this.store.replace(items, page.resourceVersion);
		this.#resourceVersion = page.resourceVersion;
		this.#isSynced = true;
		// The right to watch may still be missing.
		if (this.#refusal?.call.verb === "list") this.#setRefusal(undefined);
		this.#synced.resolve();
		this.#answered.resolve();
	}

	/** Returns when the server ended the watch in its time. */
	async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
		const { client, resource, namespace, labelSelector, fieldSelector } = this.#options;
		const started = performance.now();
		let events = 0;
		try {
			const watch = client.watch(resource, {
				namespace,
				labelSelector,
				fieldSelector,
				resourceVersion,
				// Spread out, so that not all watches of all operators begin again in one moment.
				timeoutSeconds: Math.round(this.#timing.watchSeconds * (1 + Math.random() / 10)),
				idleTimeout: this.#timing.idleTimeout,
				onOpen: () => {
					this.#wasAllowed = true;
					this.#setRefusal(undefined);
				},
				signal,
			});
			for await (const event of watch) {
				events++;
				if (event.type === "BOOKMARK") {
					this.#resourceVersion = event.resourceVersion;
					continue;
				}
				if (event.type === "DELETED") this.store.remove(event.object);
				else this.store.upsert(event.object);
				this.#resourceVersion = event.object.metadata.resourceVersion;
			}
		} finally {
			if (events > 0 || performance.now() - started >= goodWatch) {
				this.#failures = 0;
				this.#refusals = 0;
			}
		}
		if (events === 0 && performance.now() - started < 1000) {
			throw new Error("the API server ended the watch at once");
		}
		// The connection is free for the next watch only after the end of this one has been dealt with.
		await setImmediate();
	}

	/** Decides where to go on after a failure, and waits. */
	async #recover(error: unknown, signal: AbortSignal): Promise<void> {
		this.#failures++;
		const watching = this.#resourceVersion !== undefined;
		if (error instanceof ApiError && watching) {
			this.#refusals++;
			if (error.isGone || this.#refusals > maxRefusals) {
				this.#resourceVersion = undefined;
				this.#refusals = 0;
			}
		}
		const asked = error instanceof ApiError ? (error.details.retryAfterSeconds ?? 0) * 1000 : 0;
		const delay = Math.max(asked, backoff(this.#timing.backoff, this.#failures));
		const next = this.#resourceVersion === undefined ? "list" : "watch";
		const fields = { err: error, failures: this.#failures, delay: Math.round(delay), next };
		if (error instanceof ApiError && error.isRefusal) {
			if (!this.#wasAllowed || ++this.#refusedInARow >= steadyRefusals) this.#setRefusal(error);
			this.#answered.resolve();
			const { verb, namespace } = error.call;
			this.#log.error({ ...fields, verb, namespace }, describeRefusal(error));
		}
		// A first loss is everyday life: the API server restarts, a version grows old.
		else if (this.#failures === 1 && watching) this.#log.debug(fields, "watch interrupted");
		else this.#log.warn(fields, watching ? "watch failed" : "list failed");
		await pause(delay, signal);
	}

	#setRefusal(refusal: ApiError | undefined): void {
		if (!refusal) this.#refusedInARow = 0;
		const changes = this.#refusal?.message !== refusal?.message;
		this.#refusal = refusal;
		if (changes) this.#options.onRefusal?.();
	}

	#tell(previous: Observed<T> | undefined, current: Observed<T> | undefined): void {
		try {
			this.#options.onChange?.(previous, current);
		} catch (error) {
			const { namespace, name } = (current ?? previous)?.metadata ?? {};
			this.#log.error({ err: error, namespace, name }, "a change handler failed");
		}
	}
}
