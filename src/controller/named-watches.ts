import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { type KubernetesObject, type Observed, objectKey, type Resource } from "../kubernetes/object.ts";
import { Reflector, type ReflectorTiming } from "../kubernetes/reflector.ts";

/** Milliseconds to wait for the first answer about an object. */
const readTimeout = 5_000;

interface Watch<T extends KubernetesObject> {
	readonly reflector: Reflector<T>;
	readonly stop: AbortController;
	/** Keys of the federations that refer to the object. */
	readonly users: Set<string>;
}

/**
 * Watches the objects of one kind that users name, Secrets or ConfigMaps, each by its name alone: nothing else of a
 * namespace is ever read. A watch ends with the last federation that refers to its object.
 */
export class NamedWatches<T extends KubernetesObject> {
	readonly #watches = new Map<string, Watch<T>>();
	readonly #resource: Resource<T>;
	readonly #client: KubernetesClient;
	readonly #log: Logger;
	readonly #onChange: (federationKey: string) => void;
	readonly #signal: AbortSignal;
	readonly #timing: Partial<ReflectorTiming> | undefined;

	/** @param options.signal ends every watch */
	constructor(options: {
		resource: Resource<T>;
		client: KubernetesClient;
		log: Logger;
		signal: AbortSignal;
		onChange: (federationKey: string) => void;
		timing?: Partial<ReflectorTiming> | undefined;
	}) {
		this.#resource = options.resource;
		this.#timing = options.timing;
		this.#signal = options.signal;
		options.signal.addEventListener("abort", () => this.#watches.forEach(({ stop }) => stop.abort()), { once: true });
		this.#client = options.client;
		this.#log = options.log;
		this.#onChange = options.onChange;
	}

	/** States which objects a federation refers to, and gives those that exist, by name. Waits for new watches. */
	async use(
		federationKey: string,
		namespace: string,
		names: readonly string[],
	): Promise<ReadonlyMap<string, Observed<T>>> {
		const wanted = new Set(names.map((name) => objectKey(namespace, name)));
		for (const name of names) this.#watch(namespace, name).users.add(federationKey);
		for (const key of this.#watches.keys()) if (!wanted.has(key)) this.#leave(key, federationKey);

		const found = new Map<string, Observed<T>>();
		for (const name of names) {
			const key = objectKey(namespace, name);
			const object = (await this.#synced(key))?.store.get(key);
			if (object) found.set(name, object);
		}
		return found;
	}

	/** The federation is gone. */
	release(federationKey: string): void {
		for (const key of this.#watches.keys()) this.#leave(key, federationKey);
	}

	/** @throws where the object cannot be read: ApiError where that is refused, as without the right to */
	async #synced(key: string): Promise<Reflector<T> | undefined> {
		const reflector = this.#watches.get(key)?.reflector;
		if (!reflector || reflector.isSynced) return reflector;
		await Promise.race([reflector.answered, sleep(readTimeout, undefined, { ref: false })]);
		if (reflector.refusal) throw reflector.refusal;
		if (!reflector.isSynced)
			throw new Error(`${this.#resource.kind} ${key} could not be read within ${readTimeout / 1000} s`);
		return reflector;
	}

	#watch(namespace: string, name: string): Watch<T> {
		const key = objectKey(namespace, name);
		const existing = this.#watches.get(key);
		if (existing) return existing;
		const stop = new AbortController();
		if (this.#signal.aborted) stop.abort();
		const users = new Set<string>();
		const reflector = new Reflector<T>({
			client: this.#client,
			log: this.#log,
			resource: this.#resource,
			namespace,
			fieldSelector: `metadata.name=${name}`,
			onChange: () => users.forEach((user) => this.#onChange(user)),
			...(this.#timing && { timing: this.#timing }),
		});
		const watch = { reflector, stop, users };
		this.#watches.set(key, watch);
		void reflector.run(stop.signal);
		return watch;
	}

	#leave(key: string, federationKey: string): void {
		const watch = this.#watches.get(key);
		if (!watch?.users.delete(federationKey) || watch.users.size > 0) return;
		watch.stop.abort();
		this.#watches.delete(key);
	}
}

/** Whether nothing has changed of what was given before. */
export function isSame<T extends KubernetesObject>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): boolean {
	return a.size === b.size && [...a].every(([name, object]) => b.get(name) === object);
}
