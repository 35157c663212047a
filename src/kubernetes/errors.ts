/** What was asked of the API server, for messages. Never holds a request body: bodies carry secrets. */
export interface Call {
	/** Of RBAC: get, list, watch, create, update, patch, delete; and apply, which RBAC calls patch. */
	readonly verb: Verb;
	/** Plural, with `/status` for a subresource. */
	readonly resource: string;
	readonly namespace?: string | undefined;
	readonly name?: string | undefined;
}

export type Verb = "get" | "list" | "watch" | "create" | "apply" | "update" | "patch" | "delete";

/** The part of `meta/v1.Status` that is used. */
export interface StatusDetails {
	readonly name?: string;
	readonly kind?: string;
	/** Seconds. */
	readonly retryAfterSeconds?: number;
	readonly causes?: readonly { readonly reason?: string; readonly field?: string; readonly message?: string }[];
}

function describe(call: Call): string {
	const object = [call.namespace, call.name].filter((part) => part !== undefined).join("/");
	return `${call.verb} ${call.resource}${object === "" ? "" : ` ${object}`}`;
}

/** The API server refused a call. */
export class ApiError extends Error {
	override readonly name = "ApiError";
	/** HTTP status code. */
	readonly status: number;
	/** Machine-readable, of `meta/v1.Status`: NotFound, AlreadyExists, Conflict, Invalid, Forbidden, Expired, ... */
	readonly reason: string;
	readonly details: StatusDetails;
	readonly call: Call;

	/** `retryAfter` is the header of that name in seconds, which counts where the body has no such detail. */
	constructor(call: Call, status: number, body: unknown, retryAfter?: number) {
		const { reason, message, details } = parseStatus(body);
		super(`${describe(call)}: ${status} ${reason}: ${message}`);
		this.status = status;
		this.reason = reason;
		this.details = retryAfter === undefined ? details : { retryAfterSeconds: retryAfter, ...details };
		this.call = call;
	}

	/** The resource version or the continue token is too old: list again. */
	get isGone(): boolean {
		return this.status === 410;
	}

	/** The call is refused whatever it carries, until somebody grants the right (403) or installs the kind (404). */
	get isRefusal(): boolean {
		return this.status === 403 || (this.status === 404 && this.reason !== "NotFound");
	}

	/**
	 * The right that is missing, by the verb that RBAC has for it; undefined where something else refuses: a quota, an
	 * admission plugin, a webhook.
	 */
	get missingVerb(): string | undefined {
		return / cannot (\w+) resource /.exec(this.message)?.[1];
	}
}

/** What is missing for a call that is refused as such (`isRefusal`), in the words of RBAC. */
export function describeRefusal({ call, status, missingVerb }: ApiError): string {
	const { resource, namespace } = call;
	if (status === 404) return `the API server has no ${resource}: the CRD that defines them is not installed`;
	// The server knows better: an apply needs the right to patch, and to make something the right to create as well.
	const verb = missingVerb ?? (call.verb === "apply" ? "patch" : call.verb);
	const where = namespace === undefined ? "in all namespaces" : `in namespace ${namespace}`;
	return `the right to ${verb} ${resource} ${where} is missing`;
}

/** The API server gave no usable answer: not reachable, connection lost, time-out, not the JSON that was due. */
export class ApiUnreachableError extends Error {
	override readonly name = "ApiUnreachableError";
	readonly call: Call;

	constructor(call: Call, cause: unknown) {
		super(`${describe(call)}: no answer from the API server: ${rootMessage(cause)}`, { cause });
		this.call = call;
	}
}

export function isNotFound(error: unknown): boolean {
	return error instanceof ApiError && error.status === 404;
}

/** The object exists already; a create changed nothing. */
export function isAlreadyExists(error: unknown): boolean {
	return error instanceof ApiError && error.reason === "AlreadyExists";
}

/** The object is not at the resource version that was asked for, or an apply met fields of another manager. */
export function isConflict(error: unknown): boolean {
	return error instanceof ApiError && error.status === 409 && error.reason === "Conflict";
}

function parseStatus(body: unknown): { reason: string; message: string; details: StatusDetails } {
	const status = typeof body === "object" && body !== null ? body : {};
	const reason = "reason" in status && typeof status.reason === "string" ? status.reason : "Unknown";
	const fallback = typeof body === "string" ? body.slice(0, 500) : "no message";
	const message = "message" in status && typeof status.message === "string" ? status.message : fallback;
	const details = "details" in status && typeof status.details === "object" && status.details !== null;
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- meta/v1.Status, whose fields are all optional here
	return { reason, message, details: details ? (status.details as StatusDetails) : {} };
}

/** AbortError and AggregateError hide the useful text ("connect ECONNREFUSED 127.0.0.1:6443") in causes. */
function rootMessage(error: unknown): string {
	if (error instanceof AggregateError && error.errors.length > 0) return rootMessage(error.errors[0]);
	if (!(error instanceof Error)) return String(error);
	if (error.cause instanceof Error) return rootMessage(error.cause);
	return error.message === "" ? error.name : error.message;
}
