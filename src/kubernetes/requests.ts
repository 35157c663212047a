import type { IncomingMessage } from "node:http";
import { StringDecoder } from "node:string_decoder";
import { pause } from "./backoff.ts";
import type { Connection } from "./connection.ts";
import { ApiError, ApiUnreachableError, type Call, type Verb } from "./errors.ts";
import { readText } from "./http-request.ts";

/** For one call with its repetitions (ms). */
const defaultTimeout = 30_000;
const maxRepetitions = 4;
/** Who is told to wait longer than this (ms) is refused: a call that waits holds up what could be done meanwhile. */
const maxRetryAfter = 2_000;

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

export interface RequestOptions {
	readonly userAgent?: string;
	/** Called for each HTTP request, repetitions included. */
	readonly onRequest?: (record: RequestRecord) => void;
	/**
	 * Called before each request that changes something, at last when it goes out, for which it may have waited; throws
	 * where that must not happen, as without leadership.
	 */
	readonly beforeWrite?: () => void;
}

export interface CallOptions {
	readonly signal?: AbortSignal | undefined;
	/** ms, for the call with its repetitions; 30,000 if absent. */
	readonly timeout?: number;
}

export interface StreamOptions {
	readonly signal?: AbortSignal | undefined;
	/** ms after which the client ends the stream. */
	readonly timeout: number;
	/** ms without any byte after which the connection counts as dead. */
	readonly idleTimeout: number;
	/** Called when the server has begun to answer. */
	readonly onOpen?: (() => void) | undefined;
}

export interface Send {
	readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
	readonly path: string;
	readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
	readonly body?: object;
	readonly contentType?: string;
}

/**
 * Requests to the API server over shared connections, and what their answers mean: JSON, an {@link ApiError}, or no answer
 * ({@link ApiUnreachableError}).
 */
export class Requests {
	readonly #connection: Connection;
	readonly #options: RequestOptions;

	constructor(connection: Connection, options: RequestOptions) {
		this.#connection = connection;
		this.#options = options;
	}

	/** Sends a request, again where the server asks for it, and gives the JSON of the answer. */
	async json(call: Call, send: Send, options: CallOptions): Promise<unknown> {
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

	/**
	 * What `read` makes of each line of the answer, until the server ends it (returns), the connection is lost or silent, or
	 * the time is over (throws).
	 */
	async *lines<T>(
		call: Call,
		send: Send,
		{ timeout, idleTimeout, onOpen, signal }: StreamOptions,
		parse: (line: string) => T,
	): AsyncGenerator<T, void, undefined> {
		const deadline = this.#deadline(signal, timeout);
		let response: IncomingMessage | undefined;
		try {
			response = await this.#request(call, { ...send, signal: deadline.signal, idleTimeout });
			if (response.statusCode !== 200) throw await refusal(call, response);
			onOpen?.();
			for await (const line of lines(response)) yield parse(line);
		} catch (error) {
			signal?.throwIfAborted();
			throw error instanceof ApiError ? error : unreachable(call, error);
		} finally {
			deadline.clear();
			response?.destroy();
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
