import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/errors.ts";
import type { KubernetesObject } from "../kubernetes/object.ts";
import { OwnedObjects } from "../kubernetes/owned.ts";
import { Reflector, type ReflectorOptions } from "../kubernetes/reflector.ts";
import type { Store } from "../kubernetes/store.ts";

/** Objects of ours, and what writes them. */
export interface Owned<T extends KubernetesObject> {
	readonly store: Store<T>;
	readonly objects: OwnedObjects<T>;
}

interface Running<T extends KubernetesObject> extends Owned<T> {
	readonly reflector: Reflector<T>;
	readonly stop: AbortController;
}

/**
 * A kind of another project, which the Kubernetes cluster need not have. It is watched from the first time on that
 * somebody needs it and it is there; until then it costs nothing, and nothing waits for it.
 */
export class OptionalKind<T extends KubernetesObject> {
	readonly #options: ReflectorOptions<T>;
	readonly #client: KubernetesClient;
	readonly #signal: AbortSignal;
	#running: Promise<Running<T> | undefined> | undefined;
	#isWatched = false;

	/** @param signal ends the watch */
	constructor(options: ReflectorOptions<T>, signal: AbortSignal) {
		this.#options = options;
		this.#client = options.client;
		this.#signal = signal;
	}

	/** Whether it was there, and is watched, when it was last asked for. */
	get isUsed(): boolean {
		return this.#isWatched;
	}

	/**
	 * Does something with objects of the kind.
	 *
	 * @returns undefined where the Kubernetes cluster does not have the kind, or has it no more
	 * @throws {ApiError} where the right to see it is missing
	 */
	async use<Result>(work: (owned: Owned<T>) => Promise<Result>): Promise<Result | undefined> {
		try {
			const owned = await this.#owned();
			return owned && (await work(owned));
		} catch (error) {
			// The watch may not know yet that the kind has gone.
			if (isMissing(error)) return undefined;
			throw error;
		}
	}

	async #owned(): Promise<Owned<T> | undefined> {
		const known = this.#running;
		const before = await known?.catch(() => undefined);
		// It is not there, or was and is no more, or may not be seen any longer: found out anew, by one of those who ask.
		if (this.#running === known && (!before || before.reflector.refusal)) {
			before?.stop.abort();
			this.#running = this.#start();
		}
		const running = await this.#running;
		this.#isWatched = running !== undefined;
		return running;
	}

	async #start(): Promise<Running<T> | undefined> {
		const { resource, namespace, labelSelector } = this.#options;
		try {
			// The reflector would go on asking, and complaining.
			await this.#client.list(resource, { namespace, labelSelector, limit: 1, signal: this.#signal });
		} catch (error) {
			if (isMissing(error)) return undefined;
			throw error;
		}
		const stop = new AbortController();
		const reflector = new Reflector<T>(this.#options);
		void reflector.run(AbortSignal.any([stop.signal, this.#signal]));
		await reflector.synced;
		const objects = new OwnedObjects(this.#client, resource, reflector.store);
		return { store: reflector.store, objects, reflector, stop };
	}
}

/** Whether the API server does not know the kind that it was asked for. */
function isMissing(error: unknown): boolean {
	return error instanceof ApiError && error.isRefusal && error.status === 404;
}
