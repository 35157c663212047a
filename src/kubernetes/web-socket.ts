import { on, once } from "node:events";
import type { Agent, IncomingMessage } from "node:http";
import { WebSocket } from "ws";

export interface WebSocketOptions {
	/** Of the URL's protocol. */
	readonly agent: Agent;
	readonly headers: Readonly<Record<string, string>>;
	/** In the order of preference. */
	readonly protocols: readonly string[];
	readonly signal: AbortSignal;
}

/** The client's end of a WebSocket. */
export class WebSocketConnection {
	readonly #socket: WebSocket;
	readonly #messages: AsyncIterator<unknown>;

	/** @returns the answer of a server that does not take it; its body is to be read. @throws where none answers. */
	static async open(url: string, options: WebSocketOptions): Promise<WebSocketConnection | IncomingMessage> {
		const { agent, headers, protocols, signal } = options;
		const socket = new WebSocket(url, [...protocols], { agent, headers, perMessageDeflate: false });
		// Whoever waits gets it as a rejection; afterwards it is no news.
		socket.on("error", () => {});
		signal.addEventListener("abort", () => socket.terminate(), { once: true });
		const connection = new WebSocketConnection(socket, signal);
		const refused = new Promise<IncomingMessage>((resolve) => {
			socket.once("unexpected-response", (_request, response) => resolve(response));
		});
		const opened = once(socket, "open", { signal }).then(() => connection);
		return await Promise.race([opened, refused]);
	}

	private constructor(socket: WebSocket, signal: AbortSignal) {
		this.#socket = socket;
		// From the beginning: the first message may come with the answer.
		this.#messages = on(socket, "message", { signal, close: ["close"] });
	}

	/** Sends a binary message. */
	send(data: Buffer): void {
		this.#socket.send(data);
	}

	/** Messages, until the other end closes. @throws the reason of the signal, or why the connection was lost */
	async *messages(): AsyncGenerator<Buffer, void, undefined> {
		try {
			for (let next = await this.#messages.next(); !next.done; next = await this.#messages.next()) {
				const [message]: unknown[] = Array.isArray(next.value) ? next.value : [];
				if (Buffer.isBuffer(message)) yield message;
			}
		} finally {
			this.#socket.terminate();
		}
	}
}
