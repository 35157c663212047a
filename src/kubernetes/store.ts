import { isNewer, type KubernetesObject, keyOf, type Observed } from "./object.ts";

/** Called with undefined as `previous` for an object that appeared, as `current` for one that went. */
export type ChangeHandler<T extends KubernetesObject> = (
	previous: Observed<T> | undefined,
	current: Observed<T> | undefined,
) => void;

/**
 * Objects of one kind by key, and by one index. What is held is shared: it must not be changed.
 *
 * Invariant: an object is never replaced by an older version of itself, so an answer to a write may be put in (see
 * {@link Store.remember}) before the watch brings it, and what the watch brings late is dropped.
 */
export class Store<T extends KubernetesObject> {
	readonly #objects = new Map<string, Observed<T>>();
	readonly #index: ((object: Observed<T>) => string | undefined) | undefined;
	readonly #keep: (object: Observed<T>) => Observed<T>;
	readonly #keysByIndex = new Map<string, Set<string>>();
	readonly #onChange: ChangeHandler<T>;
	/** What was last told of objects of which something newer was remembered; undefined: nothing. */
	readonly #told = new Map<string, Observed<T> | undefined>();
	/** Newest version that the watch or a list has brought. */
	#seen = "0";

	/** @param keep what is held of an object: its key, uid and version at the least */
	constructor(
		onChange: ChangeHandler<T>,
		index?: (object: Observed<T>) => string | undefined,
		keep: (object: Observed<T>) => Observed<T> = (object) => object,
	) {
		this.#onChange = onChange;
		this.#index = index;
		this.#keep = keep;
	}

	get size(): number {
		return this.#objects.size;
	}

	/** By key: `NAMESPACE/NAME`, or `NAME` for cluster-wide kinds. */
	get(key: string): Observed<T> | undefined {
		return this.#objects.get(key);
	}

	list(): Observed<T>[] {
		return [...this.#objects.values()];
	}

	/** Objects for which the index function gave this value. */
	byIndex(value: string): Observed<T>[] {
		const found: Observed<T>[] = [];
		for (const key of this.#keysByIndex.get(value) ?? []) {
			const object = this.#objects.get(key);
			if (object) found.push(object);
		}
		return found;
	}

	/**
	 * Puts in what a write returned, so that the next reader does not see the past and write again. Tells nobody: the
	 * watch will bring the same version and tell then.
	 */
	remember(object: Observed<T>): void {
		const key = keyOf(object);
		const known = this.#objects.get(key);
		// One that is not here and not newer than what was seen has been deleted since.
		if (!isNewer(object.metadata.resourceVersion, known?.metadata.resourceVersion ?? this.#seen)) return;
		const told = this.#told.has(key) ? this.#told.get(key) : known;
		this.#put(this.#keep(object));
		this.#told.set(key, told);
	}

	/** An event of the watch: the object as it is now. */
	upsert(object: Observed<T>): void {
		this.#see(object.metadata.resourceVersion);
		const key = keyOf(object);
		const known = this.#objects.get(key);
		if (known && isNewer(known.metadata.resourceVersion, object.metadata.resourceVersion)) return;
		const previous = this.#told.has(key) ? this.#told.get(key) : known;
		// What was remembered stays the same object: what was found out about it holds.
		const same = known?.metadata.resourceVersion === object.metadata.resourceVersion;
		const current = same && known ? known : this.#keep(object);
		this.#put(current);
		this.#tell(previous, current);
	}

	/** An event of the watch: the object as it was deleted. */
	remove(object: Observed<T>): void {
		this.#see(object.metadata.resourceVersion);
		const key = keyOf(object);
		const previous = this.#objects.get(key);
		if (!previous || isNewer(previous.metadata.resourceVersion, object.metadata.resourceVersion)) return;
		this.#drop(key);
		this.#onChange(object, undefined);
	}

	/** Takes a whole list, as of `resourceVersion`, for what is there; tells the differences, deletions first. */
	replace(objects: readonly Observed<T>[], resourceVersion: string): void {
		this.#see(resourceVersion);
		const listed = new Set(objects.map(keyOf));
		for (const [key, known] of this.#objects) {
			if (listed.has(key) || isNewer(known.metadata.resourceVersion, resourceVersion)) continue;
			this.#drop(key);
			this.#onChange(known, undefined);
		}
		for (const object of objects) {
			const key = keyOf(object);
			const same = this.#objects.get(key)?.metadata.resourceVersion === object.metadata.resourceVersion;
			if (!same || this.#told.has(key)) this.upsert(object);
		}
	}

	/** An object that was deleted and made again under its name is another object. */
	#tell(previous: Observed<T> | undefined, current: Observed<T>): void {
		if (previous && previous.metadata.uid !== current.metadata.uid) {
			this.#onChange(previous, undefined);
			this.#onChange(undefined, current);
		} else {
			this.#onChange(previous, current);
		}
	}

	#see(resourceVersion: string): void {
		if (isNewer(resourceVersion, this.#seen)) this.#seen = resourceVersion;
	}

	#put(object: Observed<T>): void {
		const key = keyOf(object);
		this.#drop(key);
		this.#objects.set(key, object);
		const value = this.#index?.(object);
		if (value === undefined) return;
		const keys = this.#keysByIndex.get(value);
		if (keys) keys.add(key);
		else this.#keysByIndex.set(value, new Set([key]));
	}

	#drop(key: string): void {
		const object = this.#objects.get(key);
		if (!object) return;
		this.#told.delete(key);
		this.#objects.delete(key);
		const value = this.#index?.(object);
		const keys = value === undefined ? undefined : this.#keysByIndex.get(value);
		if (value === undefined || !keys?.delete(key)) return;
		if (keys.size === 0) this.#keysByIndex.delete(value);
	}
}
