import { connect, createServer, type Server, type Socket } from "node:net";

/** A port that leads to another one, for as long as the test wants that. */
export class Forwarder implements AsyncDisposable {
	readonly host: string;
	readonly port: number;
	/** Where new connections lead. */
	target: { readonly host: string; readonly port: number };
	/** Connections so far. */
	accepted = 0;
	readonly #sockets = new Set<Socket>();
	#server: Server | undefined;
	/** Connections are accepted, and nothing goes through. */
	#stalled = false;

	static async listen(host: string, port: number, target: { host: string; port: number }): Promise<Forwarder> {
		const forwarder = new Forwarder(host, port, target);
		await forwarder.open();
		return forwarder;
	}

	private constructor(host: string, port: number, target: { host: string; port: number }) {
		this.host = host;
		this.port = port;
		this.target = target;
	}

	/** New connections are forwarded, or stall from their start. */
	async open({ stalled = false } = {}): Promise<void> {
		this.#stalled = stalled;
		if (this.#server) return;
		const server = createServer((socket) => this.#accept(socket));
		this.#server = server;
		await new Promise<void>((resolve, reject) => {
			server.once("error", reject);
			server.listen(this.port, this.host, () => resolve());
		});
	}

	/** Refuses connections and cuts those that are there. */
	async close(): Promise<void> {
		const server = this.#server;
		this.#server = undefined;
		this.cut();
		if (server) await new Promise((resolve) => server.close(resolve));
	}

	/** Cuts the connections that are there. */
	cut(): void {
		for (const socket of this.#sockets) socket.destroy();
	}

	/** Stops reading on every connection that is there, both ways. */
	freeze(): void {
		for (const socket of this.#sockets) socket.pause();
	}

	/** Takes a freeze back. */
	thaw(): void {
		for (const socket of this.#sockets) socket.resume();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close();
	}

	#accept(socket: Socket): void {
		this.accepted += 1;
		this.#keep(socket);
		if (this.#stalled) {
			socket.pause();
			return;
		}
		const other = connect(this.target.port, this.target.host);
		this.#keep(other);
		for (const [from, to] of [
			[socket, other],
			[other, socket],
		] as const) {
			from.on("data", (data) => {
				if (to.write(data)) return;
				from.pause();
				to.once("drain", () => from.resume());
			});
			from.on("close", () => to.destroy());
		}
	}

	#keep(socket: Socket): void {
		this.#sockets.add(socket);
		socket.on("close", () => this.#sockets.delete(socket));
		socket.on("error", () => {});
	}
}
