import { createHash, randomBytes } from "node:crypto";
import http, { type Agent, type IncomingMessage } from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";

export interface WebSocketOptions {
	/** Of the URL's protocol. */
	readonly agent: Agent;
	readonly headers: Readonly<Record<string, string>>;
	/** In the order of preference. */
	readonly protocols: readonly string[];
	readonly signal: AbortSignal;
}

/** Of the messages of a WebSocket (RFC 6455 section 5.2). */
const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const acceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/**
 * The client's end of a WebSocket, as little of it as pods' subresources need. Node's own takes neither the agents nor the
 * certificates of other calls, and does not tell with what it was refused.
 */
export class WebSocketConnection {
	readonly #connection: Duplex;
	readonly #head: Buffer;

	/** @returns the answer of a server that does not take it; its body is to be read. @throws where none answers. */
	static async open(url: string, options: WebSocketOptions): Promise<WebSocketConnection | IncomingMessage> {
		const { agent, headers, protocols, signal } = options;
		const key = randomBytes(16).toString("base64");
		return await new Promise((resolve, reject) => {
			const request = (url.startsWith("https:") ? https : http).request(url, {
				agent,
				signal,
				headers: {
					...headers,
					connection: "Upgrade",
					upgrade: "websocket",
					"sec-websocket-version": "13",
					"sec-websocket-key": key,
					"sec-websocket-protocol": protocols.join(", "),
				},
			});
			request.on("error", reject);
			request.on("response", resolve);
			request.on("upgrade", (response, connection, head) => {
				const accept = createHash("sha1").update(`${key}${acceptGuid}`).digest("base64");
				if (response.headers["sec-websocket-accept"] === accept) {
					resolve(new WebSocketConnection(connection, head));
					return;
				}
				connection.destroy();
				reject(new Error("what answered does not speak WebSocket"));
			});
			request.end();
		});
	}

	private constructor(connection: Duplex, head: Buffer) {
		this.#connection = connection;
		this.#head = head;
	}

	/** Sends a binary message. */
	send(data: Buffer): void {
		this.#write(opcodes.binary, data);
	}

	/** Messages, until the other end closes or `signal` aborts. @throws its reason, or why the connection was lost */
	async *messages(signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
		const abort = () => this.#connection.destroy(signal.reason);
		signal.addEventListener("abort", abort, { once: true });
		try {
			let waiting = this.#head;
			let message: Buffer[] = [];
			for (;;) {
				for (let frame = frameOf(waiting); frame; frame = frameOf(waiting)) {
					waiting = waiting.subarray(frame.length);
					if (frame.opcode === opcodes.close) return;
					if (frame.opcode === opcodes.ping) this.#write(opcodes.pong, frame.data);
					if (frame.opcode > opcodes.binary) continue;
					message.push(frame.data);
					if (!frame.isLast) continue;
					yield Buffer.concat(message);
					message = [];
				}
				const more = await this.#read();
				if (!more) return;
				waiting = Buffer.concat([waiting, more]);
			}
		} finally {
			signal.removeEventListener("abort", abort);
			this.#connection.destroy();
		}
	}

	/** What came; undefined at the end. */
	async #read(): Promise<Buffer | undefined> {
		const connection = this.#connection;
		return await new Promise((resolve, reject) => {
			const settle = () => {
				const data: Buffer | null = connection.read();
				if (data === null && !connection.readableEnded && !connection.destroyed) return;
				for (const event of ["readable", "end", "close"]) connection.off(event, settle);
				connection.off("error", reject);
				resolve(data ?? undefined);
			};
			for (const event of ["readable", "end", "close"]) connection.on(event, settle);
			connection.on("error", reject);
			settle();
		});
	}

	/** One frame, masked as those of clients must be. */
	#write(opcode: number, data: Buffer): void {
		const mask = randomBytes(4);
		const length =
			data.length < 126
				? Buffer.from([0x80 | data.length])
				: Buffer.from([0x80 | 126, data.length >> 8, data.length & 0xff]);
		const masked = data.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
		this.#connection.write(Buffer.concat([Buffer.from([0x80 | opcode]), length, mask, masked]));
	}
}

/** The frame at the beginning of `bytes`; undefined where it is not whole. */
function frameOf(bytes: Buffer) {
	if (bytes.length < 2) return undefined;
	const first = bytes.readUInt8(0);
	const short = bytes.readUInt8(1) & 0x7f;
	const start = short === 127 ? 10 : short === 126 ? 4 : 2;
	if (bytes.length < start) return undefined;
	const size = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
	if (bytes.length < start + size) return undefined;
	const data = bytes.subarray(start, start + size);
	return { opcode: first & 0x0f, isLast: (first & 0x80) !== 0, data, length: start + size };
}
