import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { type Observed, objectKey } from "../kubernetes/object.ts";
import { Reflector, type ReflectorTiming } from "../kubernetes/reflector.ts";
import { type Secret, secrets } from "../kubernetes/resources.ts";

/** Milliseconds to wait for the first answer about a Secret. */
const readTimeout = 5_000;

interface Watch {
	readonly reflector: Reflector<Secret>;
	readonly stop: AbortController;
	/** Keys of the federations that refer to the Secret. */
	readonly users: Set<string>;
}

/**
 * Watches the Secrets that users name, each by its name alone: nothing else of a namespace is ever read. A watch ends
 * with the last federation that refers to its Secret.
 */
export class SecretWatches {
	readonly #watches = new Map<string, Watch>();
	readonly #client: KubernetesClient;
	readonly #log: Logger;
	readonly #onChange: (federationKey: string) => void;
	readonly #signal: AbortSignal;
	readonly #timing: Partial<ReflectorTiming> | undefined;

	/** @param options.signal ends every watch */
	constructor(options: {
		client: KubernetesClient;
		log: Logger;
		signal: AbortSignal;
		onChange: (federationKey: string) => void;
		timing?: Partial<ReflectorTiming> | undefined;
	}) {
		this.#timing = options.timing;
		this.#signal = options.signal;
		options.signal.addEventListener("abort", () => this.#watches.forEach(({ stop }) => stop.abort()), { once: true });
		this.#client = options.client;
		this.#log = options.log;
		this.#onChange = options.onChange;
	}

	/** States which Secrets a federation refers to, and gives those that exist, by name. Waits for new watches. */
	async use(
		federationKey: string,
		namespace: string,
		names: readonly string[],
	): Promise<ReadonlyMap<string, Observed<Secret>>> {
		const wanted = new Set(names.map((name) => objectKey(namespace, name)));
		for (const name of names) this.#watch(namespace, name).users.add(federationKey);
		for (const key of this.#watches.keys()) if (!wanted.has(key)) this.#leave(key, federationKey);

		const found = new Map<string, Observed<Secret>>();
		for (const name of names) {
			const key = objectKey(namespace, name);
			const secret = (await this.#synced(key))?.store.get(key);
			if (secret) found.set(name, secret);
		}
		return found;
	}

	/** The federation is gone. */
	release(federationKey: string): void {
		for (const key of this.#watches.keys()) this.#leave(key, federationKey);
	}

	/** @throws where the Secret cannot be read: ApiError where that is refused, as without the right to */
	async #synced(key: string): Promise<Reflector<Secret> | undefined> {
		const reflector = this.#watches.get(key)?.reflector;
		if (!reflector || reflector.isSynced) return reflector;
		await Promise.race([reflector.answered, sleep(readTimeout, undefined, { ref: false })]);
		if (reflector.refusal) throw reflector.refusal;
		if (!reflector.isSynced) throw new Error(`Secret ${key} could not be read within ${readTimeout / 1000} s`);
		return reflector;
	}

	#watch(namespace: string, name: string): Watch {
		const key = objectKey(namespace, name);
		const existing = this.#watches.get(key);
		if (existing) return existing;
		const stop = new AbortController();
		if (this.#signal.aborted) stop.abort();
		const users = new Set<string>();
		const reflector = new Reflector<Secret>({
			client: this.#client,
			log: this.#log,
			resource: secrets,
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
