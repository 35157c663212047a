import { connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type SecureContextOptions, TLSSocket, connect as tlsConnect } from "node:tls";
import { waitFor } from "../../lib/xmpp/wait.ts";

/** One end of an XMPP stream that says exactly what a test wants it to. */
export class RawStream implements Disposable {
	received = "";
	closed = false;
	/** Why the connection failed, where it did. */
	failure: Error | undefined;
	readonly #socket: Socket;

	/** With `tls` over TLS; who the other side is is not looked at. `localAddress` is one of the test's own. */
	static async connect(
		host: string,
		port: number,
		tls?: { readonly cert?: string; readonly key?: string },
		localAddress?: string,
	): Promise<RawStream> {
		const to = { host, port, ...(localAddress !== undefined && { localAddress }) };
		const socket = tls ? tlsConnect({ ...to, ...tls, rejectUnauthorized: false }) : connect(to);
		await new Promise<void>((resolve, reject) => {
			socket.once(tls ? "secureConnect" : "connect", () => resolve());
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
		socket.on("error", (error) => {
			this.failure = error;
		});
	}

	/** SHA-256 fingerprint of the certificate that the other side showed. */
	get peerFingerprint(): string | undefined {
		return this.#socket instanceof TLSSocket ? this.#socket.getPeerX509Certificate()?.fingerprint256 : undefined;
	}

	send(text: string): void {
		this.#socket.write(text);
	}

	/** From now on nothing is read, not even that the other side ends the connection. */
	pause(): void {
		this.#socket.pause();
	}

	async receive(part: string): Promise<void> {
		await waitFor(`${part} in ${JSON.stringify(this.received)}`, () => this.received.includes(part), {
			timeout: 5_000,
		});
	}

	/** TLS on the same connection, once the other side has said that it may begin. */
	async startTls(options: SecureContextOptions = {}): Promise<RawStream> {
		this.#socket.removeAllListeners("data");
		const socket = tlsConnect({ socket: this.#socket, rejectUnauthorized: false, ...options });
		await new Promise<void>((resolve, reject) => {
			socket.once("secureConnect", () => resolve());
			socket.once("error", reject);
		});
		return new RawStream(socket);
	}

	/** The same at the other side, which asks for a certificate and takes any or none. */
	async acceptTls(pem: { readonly certificate: string; readonly key: string }): Promise<RawStream> {
		this.#socket.removeAllListeners("data");
		const socket = new TLSSocket(this.#socket, {
			isServer: true,
			cert: pem.certificate,
			key: pem.key,
			requestCert: true,
			rejectUnauthorized: false,
		});
		const stream = new RawStream(socket);
		await new Promise<void>((resolve, reject) => {
			socket.once("secure", () => resolve());
			socket.once("error", reject);
		});
		return stream;
	}

	/** A second handshake inside TLS 1.2. @throws {Error} where the other side does not want it. */
	async renegotiate(): Promise<void> {
		const socket = this.#socket;
		if (!(socket instanceof TLSSocket)) throw new Error("there is no TLS on this connection");
		await new Promise<void>((resolve, reject) => {
			socket.once("error", reject);
			socket.renegotiate({ rejectUnauthorized: false }, (error) => {
				if (error) reject(error);
				else resolve();
			});
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
		tls?: { readonly cert: string; readonly key: string },
	): Promise<RawListener> {
		const listener = new RawListener(onStream, tls);
		await new Promise<void>((resolve, reject) => {
			listener.#server.once("error", reject);
			listener.#server.listen(port, host, () => resolve());
		});
		return listener;
	}

	/** With `tls` over TLS; whoever comes is asked for a certificate, and taken with any or none. */
	private constructor(
		onStream: (stream: RawStream) => void,
		tls: { readonly cert: string; readonly key: string } | undefined,
	) {
		const accept = (socket: Socket) => {
			const stream = new RawStream(socket);
			this.streams.push(stream);
			onStream(stream);
		};
		this.#server = tls
			? createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false }, accept)
			: createServer(accept);
	}

	[Symbol.dispose](): void {
		this.#server.close();
		for (const stream of this.streams) stream[Symbol.dispose]();
	}
}
