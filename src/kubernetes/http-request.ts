import http, { type Agent, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

export interface HttpRequest {
	/** Of the URL's protocol. It keeps the connections, and holds requests back when there are as many as it may have. */
	readonly agent: Agent;
	readonly method?: string;
	readonly headers?: OutgoingHttpHeaders;
	readonly body?: string | undefined;
	/** Ends the request, or the answer that is being read, with the signal's reason. */
	readonly signal: AbortSignal;
	/** ms without a byte after which the connection counts as dead: until the answer begins, and while it comes. */
	readonly silence: { readonly before: number; readonly during: number };
	/** Called in the moment in which the request is written to its connection; what it throws keeps it from going. */
	readonly beforeSend?: (() => void) | undefined;
	/** Called with each connection that comes about. */
	readonly onConnection?: (connection: Socket) => void;
}

/**
 * Sends one HTTP/1.1 request and gives the answer once its headers are here. The body must be read to its end or
 * destroyed: its connection is free for the next request then.
 */
export async function sendRequest(url: string, options: HttpRequest): Promise<IncomingMessage> {
	const { agent, method = "GET", headers, body, signal, silence, beforeSend, onConnection } = options;
	signal.throwIfAborted();
	return await new Promise((resolve, reject) => {
		const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
		const request = (url.startsWith("https:") ? https : http).request(url, {
			agent,
			method,
			headers: { ...headers, ...length },
			timeout: silence.before,
		});
		let answer: IncomingMessage | undefined;
		// A request that waits for a connection fails by itself only when it gets one.
		const fail = (reason: unknown) => {
			const error = reason instanceof Error ? reason : new Error(String(reason));
			reject(error);
			(answer ?? request).destroy(error);
		};
		signal.addEventListener("abort", () => fail(signal.reason), { once: true });
		request.on("error", reject);
		request.on("timeout", () => {
			fail(new Error(`nothing came for ${(answer ? silence.during : silence.before) / 1000} s`));
		});
		request.on("response", (response) => {
			answer = response;
			response.setTimeout(silence.during);
			resolve(response);
		});
		request.on("socket", (connection) => {
			whenUsable(connection, onConnection, () => {
				try {
					beforeSend?.();
					request.end(body);
				} catch (error) {
					fail(error);
				}
			});
		});
	});
}

/** Connections that have been made, and with TLS the other end has shown who it is. */
const usable = new WeakSet<Socket>();

/** An agent hands out connections that are being made, and gives them to others as soon as a request is done. */
function whenUsable(connection: Socket, onNew: HttpRequest["onConnection"], then: () => void): void {
	if (usable.has(connection)) return then();
	const made = () => {
		if (!usable.has(connection)) onNew?.(connection);
		usable.add(connection);
		then();
	};
	if (connection instanceof TLSSocket) connection.once("secureConnect", made);
	else if (connection.connecting) connection.once("connect", made);
	else made();
}

/** The whole body as text. @throws where it is cut off, or longer than `most` bytes */
export async function readText(response: IncomingMessage, most = Number.POSITIVE_INFINITY): Promise<string> {
	const chunks: Buffer[] = [];
	let length = 0;
	for await (const chunk of response as AsyncIterable<Buffer>) {
		length += chunk.length;
		if (length > most) throw new Error(`the answer is longer than ${most} bytes`);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}
