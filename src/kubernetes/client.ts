import type { IncomingMessage } from "node:http";
import { StringDecoder } from "node:string_decoder";
import type { KubeConfig } from "@kubernetes/client-node";
import { pause } from "./backoff.ts";
import { Connection } from "./connection.ts";
import { ApiError, ApiUnreachableError, type Call, type Verb } from "./errors.ts";
import { readText } from "./http-request.ts";
import { type KubernetesObject, type Observed, type Resource, resourcePath } from "./object.ts";

/** Owner of the fields that this project sets (server-side apply). */
export const fieldManager = "xmppfed";

/** For one call with its repetitions (ms). */
const defaultTimeout = 30_000;
const maxRepetitions = 4;
/** Who is told to wait longer than this (ms) is refused: a call that waits holds up what could be done meanwhile. */
const maxRetryAfter = 2_000;
/** A watch is ended by the client when the server has not ended it this long (ms) after its time. */
const watchGrace = 15_000;

/** One HTTP request that has been answered or has failed. */
export interface RequestRecord {
	readonly verb: Verb;
	/** Plural, with `/status` for a subresource. */
	readonly resource: string;
	/** HTTP status code, or 0 without an answer. */
	readonly status: number;
	/** Until the whole answer was here; for a watch, until its headers were. */
	readonly seconds: number;
}

export interface ClientOptions {
	readonly userAgent?: string;
	/** Called for each HTTP request, repetitions included. */
	readonly onRequest?: (record: RequestRecord) => void;
	/**
	 * Called before each request that changes something, at last when it goes out, for which it may have waited; throws
	 * where that must not happen, as without leadership.
	 */
	readonly beforeWrite?: () => void;
	/** Owner of the fields that are set; {@link fieldManager} if absent. */
	readonly fieldManager?: string;
}

export interface CallOptions {
	readonly signal?: AbortSignal | undefined;
	/** ms, for the call with its repetitions; 30,000 if absent. */
	readonly timeout?: number;
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

export type WatchEvent<T extends KubernetesObject> =
	| { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: Observed<T> }
	| { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/**
 * The Kubernetes API as JSON over shared connections. All methods throw {@link ApiError} where the server refused,
 * {@link ApiUnreachableError} where it did not answer, and the reason of `signal` where that was aborted. 429, and 503
 * with Retry-After, are repeated a few times as the server asks, where it asks for a short wait.
 */
export class KubernetesClient {
	readonly #connection: Connection;
	readonly #options: ClientOptions;

	constructor(config: KubeConfig | Connection, options: ClientOptions = {}) {
		this.#connection = config instanceof Connection ? config : new Connection(config);
		this.#options = options;
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
				await this.#call(callOf("get", resource, namespace, name), { method: "GET", path }, options),
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
		return await this.#call({ verb: "get", resource: "openapi" }, send, options);
	}

	/** One page where `limit` is given, else everything. */
	async list<T extends KubernetesObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
		const { namespace, labelSelector, fieldSelector, limit, resourceVersion } = options;
		const query = { labelSelector, fieldSelector, limit, continue: options.continue, resourceVersion };
		const path = resourcePath(resource, namespace);
		const body = await this.#call(callOf("list", resource, namespace), { method: "GET", path, query }, options);
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
		return observed(resource, await this.#call(callOf("create", resource, namespace, name), send, options));
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
			await this.#call(call, { method: "PATCH", path, query, body: object, contentType }, options),
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
		return observed(resource, await this.#call(call, send, options));
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
		return observed(resource, await this.#call(call, send, options));
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
			await this.#call(callOf("delete", resource, namespace, name), { method: "DELETE", path, body }, options);
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
	async *watch<T extends KubernetesObject>(
		resource: Resource<T>,
		options: WatchOptions,
	): AsyncGenerator<WatchEvent<T>, void, undefined> {
		const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds, idleTimeout, signal } = options;
		const call = callOf("watch", resource, namespace);
		const query = {
			watch: true,
			allowWatchBookmarks: true,
			labelSelector,
			fieldSelector,
			resourceVersion,
			timeoutSeconds,
		};
		const deadline = this.#deadline(signal, timeoutSeconds * 1000 + watchGrace);
		let response: IncomingMessage | undefined;
		try {
			response = await this.#request(call, {
				method: "GET",
				path: resourcePath(resource, namespace),
				query,
				signal: deadline.signal,
				idleTimeout,
			});
			if (response.statusCode !== 200) throw await refusal(call, response);
			options.onOpen?.();
			for await (const line of lines(response)) yield watchEvent(call, resource, line);
		} catch (error) {
			signal?.throwIfAborted();
			throw error instanceof ApiError ? error : unreachable(call, error);
		} finally {
			deadline.clear();
			response?.destroy();
		}
	}

	#writeQuery({ dryRun, fieldValidation }: WriteOptions) {
		const manager = this.#options.fieldManager ?? fieldManager;
		return { fieldManager: manager, dryRun: dryRun ? "All" : undefined, fieldValidation };
	}

	/** Sends a request, again where the server asks for it, and gives the JSON of the answer. */
	async #call(call: Call, send: Send, options: CallOptions): Promise<unknown> {
		const deadline = this.#deadline(options.signal, options.timeout ?? defaultTimeout);
		try {
			for (let repetition = 0; ; repetition++) {
				const response = await this.#request(call, { ...send, signal: deadline.signal });
				if ((response.statusCode ?? 0) < 300) return await json(call, response);
				const error = await refusal(call, response);
				const wait = retryAfter(error);
				if (wait === undefined || repetition >= maxRepetitions) throw error;
				await pause(wait, deadline.signal);
			}
		} catch (error) {
			options.signal?.throwIfAborted();
			throw error;
		} finally {
			deadline.clear();
		}
	}

	async #request(call: Call, send: Send & { signal: AbortSignal; idleTimeout?: number }): Promise<IncomingMessage> {
		const { beforeWrite, userAgent = "xmpp-federation-operator", onRequest } = this.#options;
		const guard = ["get", "list", "watch"].includes(call.verb) ? undefined : new WriteGuard(beforeWrite);
		guard?.check();
		const query = Object.entries(send.query ?? {}).flatMap(([name, value]): [string, string][] =>
			value === undefined ? [] : [[name, String(value)]],
		);
		const started = performance.now();
		let status = 0;
		try {
			const response = await this.#connection.send({
				isWatch: call.verb === "watch",
				method: send.method,
				path: query.length === 0 ? send.path : `${send.path}?${new URLSearchParams(query).toString()}`,
				headers: {
					accept: "application/json",
					"user-agent": userAgent,
					...(send.body && { "content-type": send.contentType ?? "application/json" }),
				},
				body: send.body && JSON.stringify(send.body),
				signal: send.signal,
				silence: { before: defaultTimeout, during: send.idleTimeout ?? defaultTimeout },
				beforeSend: guard && (() => guard.check()),
			});
			status = response.statusCode ?? 0;
			return response;
		} catch (error) {
			throw guard?.refusal ?? unreachable(call, error);
		} finally {
			const seconds = (performance.now() - started) / 1000;
			onRequest?.({ verb: call.verb, resource: call.resource, status, seconds });
		}
	}

	/**
	 * A signal that is aborted after `ms`, with `signal` and when the connections are closed; clear() must be called. Not
	 * AbortSignal.any: what that makes of a signal that lives as long as the process is not freed after each call (1.2 kB in
	 * Node 24).
	 */
	#deadline(signal: AbortSignal | undefined, ms: number): { signal: AbortSignal; clear: () => void } {
		const controller = new AbortController();
		const timer = setTimeout(
			() => controller.abort(new DOMException(`no answer within ${ms / 1000} s`, "TimeoutError")),
			ms,
		);
		const followed = [this.#connection.closing, ...(signal ? [signal] : [])].map((source) => {
			const follow = () => controller.abort(source.reason);
			if (source.aborted) follow();
			else source.addEventListener("abort", follow, { once: true });
			return () => source.removeEventListener("abort", follow);
		});
		return {
			signal: controller.signal,
			clear: () => {
				clearTimeout(timer);
				for (const leave of followed) leave();
			},
		};
	}
}

/** Asks whether a write may go, and keeps the refusal: what comes of it is no failure of the connection. */
class WriteGuard {
	refusal: unknown;
	readonly #beforeWrite: (() => void) | undefined;

	constructor(beforeWrite: (() => void) | undefined) {
		this.#beforeWrite = beforeWrite;
	}

	check(): void {
		try {
			this.#beforeWrite?.();
		} catch (error) {
			this.refusal = error;
			throw error;
		}
	}
}

interface Send {
	readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
	readonly path: string;
	readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
	readonly body?: object;
	readonly contentType?: string;
}

function callOf(verb: Verb, resource: Resource, namespace?: string, name?: string, subresource?: string): Call {
	const plural = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`;
	return { verb, resource: plural, namespace, name };
}

/**
 * Items of a list have neither apiVersion nor kind; managedFields are as long as the rest and hardly anything reads them.
 * Copied without them: an object that a field is deleted from takes several times its memory.
 */
function observed<T extends KubernetesObject>(
	resource: Resource<T>,
	body: unknown,
	keepManagedFields = false,
): Observed<T> {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the API server's word for it
	const object = body as Observed<T> & { readonly metadata: { readonly managedFields?: unknown } };
	const { apiVersion, kind } = resource;
	if (keepManagedFields || !("managedFields" in object.metadata)) return { ...object, apiVersion, kind };
	const { managedFields: _managedFields, ...metadata } = object.metadata;
	return { ...object, apiVersion, kind, metadata };
}

/** No object of that name, in contrast to no such kind (a CRD that is not installed), which has no Status body. */
function isMissingObject(error: unknown): boolean {
	return error instanceof ApiError && error.reason === "NotFound";
}

/** Headers may come and the rest not: that is no answer, either. */
async function read(call: Call, response: IncomingMessage): Promise<string> {
	try {
		return await readText(response);
	} catch (error) {
		throw unreachable(call, error);
	}
}

async function json(call: Call, response: IncomingMessage): Promise<unknown> {
	const body = parseJson(await read(call, response));
	if (body === undefined) throw new ApiUnreachableError(call, new Error("what answered sent no JSON"));
	return body;
}

async function refusal(call: Call, response: IncomingMessage): Promise<ApiError> {
	const text = await read(call, response);
	const body = parseJson(text);
	const seconds = Number(response.headers["retry-after"]);
	// What the server could not read it may quote, and that may be a Secret's data.
	const unsafe = response.statusCode === 400 && call.resource === "secrets";
	const shown = unsafe ? { reason: "BadRequest", message: "the Secret was not understood" } : (body ?? text);
	return new ApiError(call, response.statusCode ?? 0, shown, seconds > 0 ? seconds : undefined);
}

/** ms to wait before the same request is sent again; undefined where that makes no sense. */
function retryAfter(error: ApiError): number | undefined {
	const seconds = error.details.retryAfterSeconds;
	const wait =
		error.status === 429 ? (seconds ?? 1) * 1000 : error.status === 503 && seconds ? seconds * 1000 : undefined;
	return wait !== undefined && wait <= maxRetryAfter ? wait : undefined;
}

function unreachable(call: Call, error: unknown): ApiUnreachableError {
	return error instanceof ApiUnreachableError ? error : new ApiUnreachableError(call, error);
}

function watchEvent<T extends KubernetesObject>(call: Call, resource: Resource<T>, line: string): WatchEvent<T> {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the API's watch event
	const event = JSON.parse(line) as { type: string; object: { code?: number; metadata: { resourceVersion: string } } };
	switch (event.type) {
		case "ADDED":
		case "MODIFIED":
		case "DELETED":
			return { type: event.type, object: observed(resource, event.object) };
		case "BOOKMARK":
			return { type: "BOOKMARK", resourceVersion: event.object.metadata.resourceVersion };
		default:
			throw new ApiError(call, event.object.code ?? 500, event.object);
	}
}

/** Lines of a body, without copying what is still incomplete for every chunk that comes. */
async function* lines(body: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
	const decoder = new StringDecoder("utf8");
	let incomplete: string[] = [];
	for await (const chunk of body) {
		const parts = decoder.write(chunk).split("\n");
		const last = parts.pop() ?? "";
		for (const part of parts) {
			const line = incomplete.length === 0 ? part : [...incomplete, part].join("");
			incomplete = [];
			if (line.trim() !== "") yield line;
		}
		if (last !== "") incomplete.push(last);
	}
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
