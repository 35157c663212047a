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

	/** @param signal ends the watch */
	constructor(options: ReflectorOptions<T>, signal: AbortSignal) {
		this.#options = options;
		this.#client = options.client;
		this.#signal = signal;
	}

	/** Whether it is watched. */
	get isUsed(): boolean {
		return this.#running !== undefined;
	}

	/**
	 * @returns undefined where the Kubernetes cluster does not have the kind
	 * @throws {ApiError} where the right to see it is missing
	 */
	async use(): Promise<Owned<T> | undefined> {
		const before = await this.#running;
		if (before?.reflector.refusal) {
			// It was there, and is no more, or may not be seen any longer: found out anew.
			before.stop.abort();
			this.#running = undefined;
		}
		this.#running ??= this.#start();
		try {
			const running = await this.#running;
			if (!running) this.#running = undefined;
			return running;
		} catch (error) {
			this.#running = undefined;
			throw error;
		}
	}

	async #start(): Promise<Running<T> | undefined> {
		const { resource, namespace, labelSelector } = this.#options;
		try {
			// The reflector would go on asking, and complaining.
			await this.#client.list(resource, { namespace, labelSelector, limit: 1, signal: this.#signal });
		} catch (error) {
			if (error instanceof ApiError && error.isRefusal && error.status === 404) return undefined;
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
