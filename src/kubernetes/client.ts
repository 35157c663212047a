import type { KubeConfig } from "@kubernetes/client-node";
import { Connection } from "./connection.ts";
import { ApiError, type Call, type Verb } from "./errors.ts";
import { type KubernetesObject, type Observed, observed, type Resource, resourcePath } from "./object.ts";
import { type CallOptions, type RequestOptions, Requests } from "./requests.ts";
import { type WatchEvent, watchEvent } from "./watch-events.ts";

/** Owner of the fields that this project sets (server-side apply). */
export const fieldManager = "xmppfed";

/** A watch is ended by the client when the server has not ended it this long (ms) after its time. */
const watchGrace = 15_000;

export interface ClientOptions extends RequestOptions {
	/** Owner of the fields that are set; {@link fieldManager} if absent. */
	readonly fieldManager?: string;
}

export interface GetOptions extends CallOptions {
	/** Keeps `metadata.managedFields`, which tells who set what. */
	readonly managedFields?: boolean;
}

export interface WriteOptions extends CallOptions {
	/** The answer is what would be; nothing is written. */
	readonly dryRun?: boolean;
	/** Strict: a field that the API server does not know is an error, as kubectl has it. Absent: it is dropped. */
	readonly fieldValidation?: "Strict";
}

export interface ListOptions extends CallOptions {
	/** Absent: all namespaces. */
	readonly namespace?: string | undefined;
	readonly labelSelector?: string | undefined;
	readonly fieldSelector?: string | undefined;
	readonly limit?: number | undefined;
	readonly continue?: string | undefined;
	readonly resourceVersion?: string | undefined;
}

export interface ObjectList<T extends KubernetesObject> {
	readonly items: readonly Observed<T>[];
	readonly resourceVersion: string;
	/** Present where there are more items: the same list with this as `continue` gives them. */
	readonly continue?: string;
}

export interface ApplyOptions extends WriteOptions {
	/** Takes fields that another manager owns. Without it these give an ApiError of reason Conflict. */
	readonly force: boolean;
	readonly subresource?: "status";
}

export interface PatchOptions extends WriteOptions {
	readonly subresource?: "status";
}

export interface DeleteOptions extends CallOptions {
	/** Deletes only the object with this uid; another one gives an ApiError of reason Conflict. */
	readonly uid?: string;
	readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
}

export interface WatchOptions {
	readonly namespace?: string | undefined;
	readonly labelSelector?: string | undefined;
	readonly fieldSelector?: string | undefined;
	/** Events after this one are given. */
	readonly resourceVersion: string;
	/** The server ends the watch after this time. */
	readonly timeoutSeconds: number;
	/** ms without any byte after which the connection counts as dead. Bookmarks come about every minute. */
	readonly idleTimeout: number;
	/** Called when the server has begun the watch. */
	readonly onOpen?: () => void;
	readonly signal?: AbortSignal | undefined;
}

/**
 * The Kubernetes API as JSON over shared connections. All methods throw {@link ApiError} where the server refused,
 * {@link ApiUnreachableError} where it did not answer, and the reason of `signal` where that was aborted. 429, and 503
 * with Retry-After, are repeated a few times as the server asks, where it asks for a short wait.
 */
export class KubernetesClient {
	readonly #connection: Connection;
	readonly #options: ClientOptions;
	readonly #requests: Requests;

	constructor(config: KubeConfig | Connection, options: ClientOptions = {}) {
		this.#connection = config instanceof Connection ? config : new Connection(config);
		this.#options = options;
		this.#requests = new Requests(this.#connection, options);
	}

	/** A client with other options on the same connections. */
	with(options: ClientOptions): KubernetesClient {
		return new KubernetesClient(this.#connection, { ...this.#options, ...options });
	}

	/** Connections that are open now, and that were ever opened. */
	get connections(): { readonly open: number; readonly opened: number } {
		return this.#connection.connections;
	}

	/** Ends all connections, also those of clients made by {@link with}. */
	async close(): Promise<void> {
		await this.#connection.close();
	}

	/** The object, or undefined where there is none of that name. */
	async get<T extends KubernetesObject>(
		resource: Resource<T>,
		namespace: string | undefined,
		name: string,
		options: GetOptions = {},
	): Promise<Observed<T> | undefined> {
		try {
			const path = resourcePath(resource, namespace, name);
			return observed(
				resource,
				await this.#requests.json(callOf("get", resource, namespace, name), { method: "GET", path }, options),
				options.managedFields,
			);
		} catch (error) {
			if (isMissingObject(error)) return undefined;
			throw error;
		}
	}

	/** What the API server publishes of a group's version, GROUP/VERSION, as an OpenAPI 3 document. */
	async openApi(groupVersion: string, options: CallOptions = {}): Promise<unknown> {
		const send = { method: "GET", path: `/openapi/v3/apis/${groupVersion}` } as const;
		return await this.#requests.json({ verb: "get", resource: "openapi" }, send, options);
	}

	/** One page where `limit` is given, else everything. */
	async list<T extends KubernetesObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
		const { namespace, labelSelector, fieldSelector, limit, resourceVersion } = options;
		const query = { labelSelector, fieldSelector, limit, continue: options.continue, resourceVersion };
		const path = resourcePath(resource, namespace);
		const body = await this.#requests.json(
			callOf("list", resource, namespace),
			{ method: "GET", path, query },
			options,
		);
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the API's list type
		const list = body as { metadata: { resourceVersion: string; continue?: string }; items: unknown[] };
		return {
			items: list.items.map((item) => observed(resource, item)),
			resourceVersion: list.metadata.resourceVersion,
			...(list.metadata.continue && { continue: list.metadata.continue }),
		};
	}

	async create<T extends KubernetesObject>(
		resource: Resource<T>,
		object: T,
		options: WriteOptions = {},
	): Promise<Observed<T>> {
		const { namespace, name } = object.metadata;
		const path = resourcePath(resource, namespace);
		const send = { method: "POST", path, query: this.#writeQuery(options), body: object } as const;
		return observed(resource, await this.#requests.json(callOf("create", resource, namespace, name), send, options));
	}

	/**
	 * Server-side apply under the client's field manager: makes the object, or brings the given fields of it to the given
	 * values and removes those that an earlier apply had and this one has not. With `metadata.uid` only that object is
	 * touched, with `metadata.resourceVersion` only that version of it.
	 */
	async apply<T extends KubernetesObject>(
		resource: Resource<T>,
		object: T,
		options: ApplyOptions,
	): Promise<Observed<T>> {
		const { namespace, name } = object.metadata;
		const { force, subresource } = options;
		const path = resourcePath(resource, namespace, name, subresource);
		const query = { ...this.#writeQuery(options), force: force || undefined };
		const call = callOf("apply", resource, namespace, name, subresource);
		const contentType = "application/apply-patch+yaml";
		return observed(
			resource,
			await this.#requests.json(call, { method: "PATCH", path, query, body: object, contentType }, options),
		);
	}

	/** JSON merge patch (RFC 7386): null removes a field, lists are replaced. */
	async mergePatch<T extends KubernetesObject>(
		resource: Resource<T>,
		namespace: string | undefined,
		name: string,
		patch: object,
		options: PatchOptions = {},
	): Promise<Observed<T>> {
		const path = resourcePath(resource, namespace, name, options.subresource);
		const call = callOf("patch", resource, namespace, name, options.subresource);
		const contentType = "application/merge-patch+json";
		const send = { method: "PATCH", path, query: this.#writeQuery(options), body: patch, contentType } as const;
		return observed(resource, await this.#requests.json(call, send, options));
	}

	/** Replaces the object; with `metadata.resourceVersion`, only where it is still at that version. */
	async replace<T extends KubernetesObject>(
		resource: Resource<T>,
		object: T,
		options: PatchOptions = {},
	): Promise<Observed<T>> {
		const { namespace, name } = object.metadata;
		const path = resourcePath(resource, namespace, name, options.subresource);
		const call = callOf("update", resource, namespace, name, options.subresource);
		const send = { method: "PUT", path, query: this.#writeQuery(options), body: object } as const;
		return observed(resource, await this.#requests.json(call, send, options));
	}

	/** Returns whether there was such an object. */
	async delete<T extends KubernetesObject>(
		resource: Resource<T>,
		namespace: string | undefined,
		name: string,
		options: DeleteOptions = {},
	): Promise<boolean> {
		const { uid, propagationPolicy } = options;
		const body = {
			apiVersion: "v1",
			kind: "DeleteOptions",
			...(uid !== undefined && { preconditions: { uid } }),
			...(propagationPolicy && { propagationPolicy }),
		};
		try {
			const path = resourcePath(resource, namespace, name);
			await this.#requests.json(callOf("delete", resource, namespace, name), { method: "DELETE", path, body }, options);
			return true;
		} catch (error) {
			if (isMissingObject(error)) return false;
			throw error;
		}
	}

	/**
	 * Changes after `resourceVersion`, until the server ends the watch (returns), the connection is lost or silent
	 * (throws ApiUnreachableError) or the version is too old (throws an ApiError of status 410).
	 */
	watch<T extends KubernetesObject>(
		resource: Resource<T>,
		options: WatchOptions,
	): AsyncGenerator<WatchEvent<T>, void, undefined> {
		const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds, idleTimeout, onOpen, signal } =
			options;
		const call = callOf("watch", resource, namespace);
		const query = {
			watch: true,
			allowWatchBookmarks: true,
			labelSelector,
			fieldSelector,
			resourceVersion,
			timeoutSeconds,
		};
		const path = resourcePath(resource, namespace);
		const timeout = timeoutSeconds * 1000 + watchGrace;
		const stream = { timeout, idleTimeout, onOpen, signal };
		return this.#requests.lines(call, { method: "GET", path, query }, stream, (line) =>
			watchEvent(call, resource, line),
		);
	}

	#writeQuery({ dryRun, fieldValidation }: WriteOptions) {
		const manager = this.#options.fieldManager ?? fieldManager;
		return { fieldManager: manager, dryRun: dryRun ? "All" : undefined, fieldValidation };
	}
}

function callOf(verb: Verb, resource: Resource, namespace?: string, name?: string, subresource?: string): Call {
	const plural = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`;
	return { verb, resource: plural, namespace, name };
}

/** No object of that name, in contrast to no such kind (a CRD that is not installed), which has no Status body. */
function isMissingObject(error: unknown): boolean {
	return error instanceof ApiError && error.reason === "NotFound";
}
