import type { KubernetesClient } from "./client.ts";
import {
	type ApplyReason,
	isSubset,
	type LastApplied,
	needsApply,
	rememberApplied,
	withAppliedAnnotation,
} from "./drift.ts";
import { ApiError, isAlreadyExists, isConflict } from "./errors.ts";
import {
	controllerOf,
	type KubernetesObject,
	keyOf,
	type Observed,
	type OwnerReference,
	type Resource,
} from "./object.ts";
import type { Store } from "./store.ts";

/** An object of the name that we need exists and is not ours. Nothing of it was changed. */
export class ForeignObjectError extends Error {
	override readonly name = "ForeignObjectError";
	readonly kind: string;
	readonly namespace: string | undefined;
	readonly objectName: string;
	/** Who has it: `Deployment web`, or `nobody` where it has no owner reference. */
	readonly owner: string;

	/** `controller` is who the object should have belonged to. */
	constructor(found: KubernetesObject, controller: OwnerReference) {
		const owner = describeOwner(found, controller);
		super(
			`${found.kind} ${keyOf(found)} exists already and belongs to ${owner}. It was left as it is: remove it or rename what needs the name`,
		);
		this.kind = found.kind;
		this.namespace = found.metadata.namespace;
		this.objectName = found.metadata.name;
		this.owner = owner;
	}
}

/**
 * Created, Changed, Drifted: written, for this reason. InSync: no request was made, or only reads. Terminating: an
 * object of ours with this name is being deleted; its end will be seen by the watch.
 */
export type OwnedState = "Created" | Exclude<ApplyReason, "Missing"> | "InSync" | "Terminating";

export interface OwnedResult<T extends KubernetesObject> {
	readonly state: OwnedState;
	readonly object: Observed<T>;
}

/** No object ever has this resource version, so an apply that asks for it can only make an object, never change one. */
const createOnly = "1";

/** The cache may be behind once for each party that writes. */
const maxAttempts = 3;

/**
 * Creates and updates the objects of one kind that controllers of ours own, with the fewest requests: one for what has
 * to be written, none for what is in sync. The controller (ownerReference with `controller: true`) of the wanted object
 * says whose it is.
 *
 * Invariant: an object that another controller has, or none, is never written to, whatever the cache says. New objects
 * are made by requests that fail where the name is taken, updates carry the uid of an object that was seen to be ours.
 */
export class OwnedObjects<T extends KubernetesObject> {
	readonly #client: KubernetesClient;
	readonly #resource: Resource<T>;
	readonly #store: Store<T>;
	readonly #applied = new Map<string, LastApplied>();
	/** uids of objects that were deleted and that the store may still show as if they were not. */
	readonly #removed = new Set<string>();

	/** `store` holds the objects of this kind that carry our labels. */
	constructor(client: KubernetesClient, resource: Resource<T>, store: Store<T>) {
		this.#client = client;
		this.#resource = resource;
		this.#store = store;
	}

	/**
	 * Brings a mutable object to what is wanted.
	 *
	 * @throws {ForeignObjectError} where the name is taken.
	 */
	async apply(desired: T, signal?: AbortSignal): Promise<OwnedResult<T>> {
		const key = keyOf(desired);
		const owner = requireController(desired);
		let live = this.#store.get(key);
		for (let attempt = 1; ; attempt++) {
			if (live && controllerOf(live)?.uid !== owner.uid) throw new ForeignObjectError(live, owner);
			if (live && this.#isGoing(live)) return { state: "Terminating", object: live };
			const reason = needsApply(desired, live, this.#applied.get(key));
			if (live && !reason) return this.#inSync(desired, live);
			try {
				return this.#written(desired, await this.#write(desired, live, signal), reason);
			} catch (error) {
				if (!isOutdated(error) || attempt === maxAttempts) throw error;
				live = await this.#client.get(this.#resource, desired.metadata.namespace, desired.metadata.name, { signal });
			}
		}
	}

	/** Whether somebody else changed a field that was set when `desired` was applied. False where that never was. */
	hasDrifted(desired: T): boolean {
		const key = keyOf(desired);
		const live = this.#store.get(key);
		return live !== undefined && needsApply(desired, live, this.#applied.get(key)) === "Drifted";
	}

	/**
	 * Makes an object that is never changed afterwards: immutable, or named by its content.
	 *
	 * @throws {ForeignObjectError} where the name is taken.
	 */
	async create(desired: T, signal?: AbortSignal): Promise<OwnedResult<T>> {
		const owner = requireController(desired);
		let live = this.#store.get(keyOf(desired));
		for (let attempt = 1; ; attempt++) {
			if (live) {
				if (controllerOf(live)?.uid !== owner.uid) throw new ForeignObjectError(live, owner);
				if (this.#isGoing(live)) return { state: "Terminating", object: live };
				const labelled = isSubset(desired.metadata.labels, live.metadata.labels);
				const object = labelled ? live : await this.#restoreLabels(desired, live, signal);
				this.#store.remember(object);
				return { state: labelled ? "InSync" : "Drifted", object };
			}
			try {
				const object = await this.#client.create(this.#resource, desired, { signal });
				this.#store.remember(object);
				return { state: "Created", object };
			} catch (error) {
				if (!isAlreadyExists(error) || attempt === maxAttempts) throw error;
				live = await this.#client.get(this.#resource, desired.metadata.namespace, desired.metadata.name, { signal });
			}
		}
	}

	/**
	 * Deletes an object of ours, once, however long the cache goes on showing it. `Foreground`: it is there, being
	 * deleted, until all that belongs to it is gone.
	 */
	async remove(
		object: Observed<T>,
		propagationPolicy: "Background" | "Foreground",
		signal?: AbortSignal,
	): Promise<void> {
		if (this.#isGoing(object)) return;
		const { namespace, name, uid } = object.metadata;
		await this.#client.delete(this.#resource, namespace, name, { uid, propagationPolicy, signal });
		this.#removed.add(uid);
		this.#forgetDeleted();
	}

	#isGoing({ metadata }: Observed<T>): boolean {
		return metadata.deletionTimestamp !== undefined || this.#removed.has(metadata.uid);
	}

	#write(desired: T, live: Observed<T> | undefined, signal: AbortSignal | undefined): Promise<Observed<T>> {
		const annotated = withAppliedAnnotation(desired);
		const identity = live ? { uid: live.metadata.uid } : { resourceVersion: createOnly };
		const body = { ...annotated, metadata: { ...annotated.metadata, ...identity } };
		return this.#client.apply(this.#resource, body, { force: live !== undefined, signal });
	}

	/** Without its labels the caches would not see the object. */
	#restoreLabels(desired: T, live: Observed<T>, signal: AbortSignal | undefined): Promise<Observed<T>> {
		const { namespace, name, uid } = live.metadata;
		const patch = { metadata: { uid, labels: desired.metadata.labels } };
		return this.#client.mergePatch(this.#resource, namespace, name, patch, { signal });
	}

	#inSync(desired: T, live: Observed<T>): OwnedResult<T> {
		const key = keyOf(live);
		// The next look at this version needs no comparison.
		if (this.#applied.get(key)?.resourceVersion !== live.metadata.resourceVersion) {
			this.#applied.set(key, rememberApplied(desired, live));
		}
		this.#store.remember(live);
		return { state: "InSync", object: live };
	}

	#written(desired: T, object: Observed<T>, reason: ApplyReason | undefined): OwnedResult<T> {
		this.#applied.set(keyOf(object), rememberApplied(desired, object));
		this.#store.remember(object);
		this.#forgetDeleted();
		return { state: reason === undefined || reason === "Missing" ? "Created" : reason, object };
	}

	/** Now and then drops what is remembered of objects that are gone, so that it does not grow for ever. */
	#forgetDeleted(): void {
		if (this.#removed.size > 100) {
			const held = new Set(this.#store.list().map(({ metadata }) => metadata.uid));
			for (const uid of this.#removed) if (!held.has(uid)) this.#removed.delete(uid);
		}
		if (this.#applied.size <= 2 * this.#store.size + 100) return;
		for (const key of this.#applied.keys()) if (!this.#store.get(key)) this.#applied.delete(key);
	}
}

/** The object is not the one that the cache knows: it exists, is gone, or was made anew. */
function isOutdated(error: unknown): boolean {
	if (isConflict(error)) return true;
	return error instanceof ApiError && (error.details.causes ?? []).some(({ field }) => field === "metadata.uid");
}

function requireController(object: KubernetesObject): OwnerReference {
	const controller = controllerOf(object);
	if (!controller) throw new Error(`${object.kind} ${keyOf(object)} has no controller among its owner references`);
	return controller;
}

function describeOwner(found: KubernetesObject, controller: OwnerReference): string {
	const owner = controllerOf(found) ?? found.metadata.ownerReferences?.[0];
	if (!owner) return "nobody (it has no owner reference)";
	const former = controller.kind === owner.kind && controller.name === owner.name;
	return former ? `a former ${owner.kind} ${owner.name} that was deleted` : `${owner.kind} ${owner.name}`;
}
