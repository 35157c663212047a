import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError, describeRefusal, isNotFound } from "../kubernetes/errors.ts";
import { controllerOf, type KubernetesObject, type Observed, type Resource } from "../kubernetes/object.ts";
import { ForeignObjectError, type OwnedObjects } from "../kubernetes/owned.ts";
import type {
	ConfigMap,
	Deployment,
	NetworkPolicy,
	PodDisruptionBudget,
	Secret,
	Service,
} from "../kubernetes/resources.ts";
import type { Problem } from "../model/problem.ts";
import type { OwnedKinds } from "./owned-kinds.ts";

/** The namespace is being deleted: nothing can be made in it, and what is there goes. */
export class NamespaceTerminatingError extends Error {
	override readonly name = "NamespaceTerminatingError";
}

type Mutable = ConfigMap | Deployment | NetworkPolicy | PodDisruptionBudget | Secret | Service;
type MutableKind = "ConfigMap" | "Deployment" | "NetworkPolicy" | "PodDisruptionBudget" | "Secret" | "Service";

/**
 * Writes the objects of one federation during one reconcile. What an object's name, its content or missing rights stand
 * in the way of becomes an obstacle, and the others are written all the same; where there was no answer or a conflict the
 * error is thrown, so that the whole reconcile is tried again.
 */
export class FederationWriter {
	readonly #obstacles: Problem[];
	readonly #kinds: OwnedKinds;
	readonly #uid: string;
	readonly #signal: AbortSignal;

	/**
	 * @param uid of the XmppFederation that owns the objects
	 * @param obstacles that are known before anything is written
	 */
	constructor(kinds: OwnedKinds, uid: string, obstacles: readonly Problem[], signal: AbortSignal) {
		this.#obstacles = [...obstacles];
		this.#kinds = kinds;
		this.#uid = uid;
		this.#signal = signal;
	}

	get obstacles(): readonly Problem[] {
		return [...this.#obstacles];
	}

	owns(object: KubernetesObject): boolean {
		return controllerOf(object)?.uid === this.#uid;
	}

	/** Makes an immutable object. @returns the object as it is now; undefined where an obstacle is in the way */
	async createConfigMap(object: ConfigMap): Promise<Observed<ConfigMap> | undefined> {
		return await this.#try(object, this.#kinds.ConfigMap.create(object, this.#signal));
	}

	/** Makes an immutable object. @returns the object as it is now; undefined where an obstacle is in the way */
	async createSecret(object: Secret): Promise<Observed<Secret> | undefined> {
		return await this.#try(object, this.#kinds.Secret.create(object, this.#signal));
	}

	/** Brings a mutable Secret to what is wanted. @returns as it is now; undefined where an obstacle is in the way */
	async applySecret(object: Secret): Promise<Observed<Secret> | undefined> {
		return await this.#try(object, this.#kinds.Secret.apply(object, this.#signal));
	}

	/** Brings a mutable object to what is wanted. @returns whether nothing is in the way */
	async apply(object: Mutable & { readonly kind: MutableKind }): Promise<boolean> {
		return (await this.#try<Mutable>(object, this.#kindOf(object).apply(object, this.#signal))) !== undefined;
	}

	/** Sets annotations of an object. One that has gone meanwhile is no obstacle. @returns as it is now */
	async annotate<T extends KubernetesObject>(
		client: KubernetesClient,
		resource: Resource<T>,
		object: Observed<T>,
		annotations: Readonly<Record<string, string>>,
	): Promise<Observed<T> | undefined> {
		const { namespace, name, uid } = object.metadata;
		const patch = { metadata: { uid, annotations } };
		try {
			return await client.mergePatch(resource, namespace, name, patch, { signal: this.#signal });
		} catch (error) {
			if (!isNotFound(error)) this.#obstacles.push(obstacleOf({ ...object, kind: resource.kind }, error));
			return undefined;
		}
	}

	/** Brings an object of a kind that has a writer of its own to what is wanted. @returns as {@link applySecret} */
	async applyOf<T extends KubernetesObject>(writer: OwnedObjects<T>, object: T): Promise<Observed<T> | undefined> {
		return await this.#try(object, writer.apply(object, this.#signal));
	}

	/** Whether somebody else changed what we set in an object, and nothing else is wanted of it than before. */
	hasDrifted(object: Mutable & { readonly kind: MutableKind }): boolean {
		return this.#kindOf(object).hasDrifted(object);
	}

	/** Deletes an object of ours. `Foreground`: it is there, being deleted, until all that belongs to it is gone. */
	async remove<Kind extends keyof OwnedKinds>(
		kind: Kind,
		object: Parameters<OwnedKinds[Kind]["remove"]>[0],
		propagationPolicy: "Background" | "Foreground" = "Background",
	): Promise<void> {
		await this.removeOf<KubernetesObject>(this.#kinds[kind], object, propagationPolicy);
	}

	/** The same with an object of a kind that has a writer of its own. */
	async removeOf<T extends KubernetesObject>(
		writer: OwnedObjects<T>,
		object: Observed<T>,
		propagationPolicy: "Background" | "Foreground" = "Background",
	): Promise<void> {
		// An object of a former federation of this name is the garbage collector's.
		if (!this.owns(object)) return;
		try {
			await writer.remove(object, propagationPolicy, this.#signal);
		} catch (error) {
			this.#obstacles.push(obstacleOf(object, error));
		}
	}

	#kindOf({ kind }: { readonly kind: MutableKind }): OwnedObjects<Mutable> {
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each kind's writer takes objects of its kind
		return this.#kinds[kind] as OwnedObjects<Mutable>;
	}

	async #try<T extends KubernetesObject>(
		object: T,
		write: Promise<{ readonly object: Observed<T> }>,
	): Promise<Observed<T> | undefined> {
		try {
			return (await write).object;
		} catch (error) {
			this.#obstacles.push(obstacleOf(object, error));
			return undefined;
		}
	}
}

/** @throws the error itself where it is none that stays */
function obstacleOf({ kind, metadata }: KubernetesObject, error: unknown): Problem {
	if (error instanceof ForeignObjectError) return { reason: "ObjectConflict", field: "", message: `${error.message}.` };
	if (!(error instanceof ApiError)) throw error;
	if (error.details.causes?.some(({ reason }) => reason === "NamespaceTerminating")) {
		throw new NamespaceTerminatingError(`namespace ${metadata.namespace} is being deleted`, { cause: error });
	}
	if (error.status === 403) {
		// What else is forbidden is so by a quota or an admission plugin, whose words say enough.
		const what = error.missingVerb ? describeRefusal(error) : `${kind} ${metadata.name} is not allowed`;
		return { reason: "Forbidden", field: "", message: `${what}: ${error.message}.` };
	}
	// 500 is also what the API server says of a field that it does not know, and of a webhook that does not answer.
	if (error.status === 422 || error.status === 400 || error.status >= 500) {
		const message = `The API server did not take ${kind} ${metadata.name}: ${error.message}.`;
		return { reason: "ApplyFailed", field: "", message };
	}
	throw error;
}
