import { connect, createServer, type Server, type Socket } from "node:net";
import { waitFor } from "../../lib/xmpp/wait.ts";

/** One end of an XMPP stream that says exactly what a test wants it to. */
export class RawStream implements Disposable {
	received = "";
	closed = false;
	readonly #socket: Socket;

	static async connect(host: string, port: number): Promise<RawStream> {
		const socket = connect(port, host);
		await new Promise<void>((resolve, reject) => {
			socket.once("connect", () => resolve());
			socket.once("error", reject);
		});
		return new RawStream(socket);
	}

	constructor(socket: Socket) {
		this.#socket = socket;
		socket.setEncoding("utf8");
		socket.on("data", (text: string) => {
			this.received += text;
		});
		socket.on("close", () => {
			this.closed = true;
		});
		socket.on("error", () => {});
	}

	send(text: string): void {
		this.#socket.write(text);
	}

	async receive(part: string): Promise<void> {
		await waitFor(`${part} in ${JSON.stringify(this.received)}`, () => this.received.includes(part), {
			timeout: 5_000,
		});
	}

	[Symbol.dispose](): void {
		this.#socket.destroy();
	}
}

/** A listening socket, and the streams that came in on it. */
export class RawListener implements Disposable {
	readonly streams: RawStream[] = [];
	readonly #server: Server;

	static async listen(
		host: string,
		port: number,
		onStream: (stream: RawStream) => void = () => {},
	): Promise<RawListener> {
		const listener = new RawListener(onStream);
		await new Promise<void>((resolve, reject) => {
			listener.#server.once("error", reject);
			listener.#server.listen(port, host, () => resolve());
		});
		return listener;
	}

	private constructor(onStream: (stream: RawStream) => void) {
		this.#server = createServer((socket) => {
			const stream = new RawStream(socket);
			this.streams.push(stream);
			onStream(stream);
		});
	}

	[Symbol.dispose](): void {
		this.#server.close();
		for (const stream of this.streams) stream[Symbol.dispose]();
	}
}
