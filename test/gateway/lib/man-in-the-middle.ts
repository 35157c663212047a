import { connect, createServer, type Server, type Socket } from "node:net";

/** What goes through, before it goes on. Bytes are characters of latin1. */
export type Change = (text: string, towards: "server" | "client") => { forward?: string; answer?: string };

/** Somebody between a client and a server who reads and changes what they say. */
export class ManInTheMiddle implements Disposable {
	/** All that went through, as it came. */
	seen = "";
	readonly #server: Server;
	readonly #sockets = new Set<Socket>();

	/** @param change makes a new change for each connection */
	static async listen(
		host: string,
		port: number,
		target: { readonly host: string; readonly port: number },
		change: () => Change,
	): Promise<ManInTheMiddle> {
		const man = new ManInTheMiddle(target, change);
		await new Promise<void>((resolve, reject) => {
			man.#server.once("error", reject);
			man.#server.listen(port, host, () => resolve());
		});
		return man;
	}

	private constructor(target: { readonly host: string; readonly port: number }, change: () => Change) {
		this.#server = createServer((client) => {
			const server = connect(target.port, target.host);
			const changed = change();
			this.#pass(client, server, (text) => changed(text, "server"));
			this.#pass(server, client, (text) => changed(text, "client"));
		});
	}

	[Symbol.dispose](): void {
		this.#server.close();
		for (const socket of this.#sockets) socket.destroy();
	}

	#pass(from: Socket, to: Socket, change: (text: string) => ReturnType<Change>): void {
		this.#sockets.add(from);
		from.setEncoding("latin1");
		from.on("data", (text: string) => {
			this.seen += text;
			const { forward, answer } = change(text);
			if (forward !== undefined) to.write(forward, "latin1");
			if (answer !== undefined) from.write(answer, "latin1");
		});
		from.on("close", () => {
			this.#sockets.delete(from);
			to.destroy();
		});
		from.on("error", () => {});
	}
}
