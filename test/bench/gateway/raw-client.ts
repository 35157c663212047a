import { connect, type Socket } from "node:net";

const streamHeader = (domain: string) =>
	`<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='${domain}'>`;
const endOfMessage = Buffer.from("</message>");

export interface Login {
	readonly host: string;
	readonly port: number;
	readonly domain: string;
	readonly user: string;
	readonly password: string;
}

/**
 * A logged-in user that sends bytes as they are and counts the messages that come, to load servers without being loaded
 * itself. No encryption, no parser.
 */
export class RawClient implements Disposable {
	/** JID with resource. */
	readonly jid: string;
	/** Messages received. */
	received = 0;
	/** Called with the number of messages in each chunk that has some. */
	onMessages: (count: number) => void = () => {};
	/** Called with each chunk, as text; absent at full load. */
	onText: ((text: string) => void) | undefined;
	/** Why nothing more can come. */
	failure: Error | undefined;
	readonly #socket: Socket;
	/** The end of the last chunk, which may be the start of an end tag. */
	#rest: Buffer = Buffer.alloc(0);

	static async login({ host, port, domain, user, password }: Login): Promise<RawClient> {
		const socket = connect(port, host);
		socket.setNoDelay(true);
		await new Promise<void>((resolve, reject) => {
			socket.once("connect", resolve);
			socket.once("error", reject);
		});
		const header = streamHeader(domain);
		const credentials = Buffer.from(`\0${user}\0${password}`).toString("base64");
		await ask(socket, header, "</stream:features>");
		await ask(
			socket,
			`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${credentials}</auth>`,
			"<success",
		);
		await ask(socket, header, "</stream:features>");
		const bind = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
		const bound = await ask(socket, bind, "</iq>");
		const jid = /<jid>([^<]+)<\/jid>/.exec(bound)?.[1];
		if (jid === undefined) throw new Error(`${user}@${domain} got no resource: ${bound}`);
		return new RawClient(socket, jid);
	}

	private constructor(socket: Socket, jid: string) {
		this.#socket = socket;
		this.jid = jid;
		socket.on("data", (data) => this.#read(data));
		socket.on("close", () => {
			this.failure ??= new Error(`the stream of ${jid} was closed`);
		});
		socket.on("error", () => {});
	}

	[Symbol.dispose](): void {
		this.#socket.destroy();
	}

	send(data: Buffer | string): void {
		this.#socket.write(data);
	}

	#read(data: Buffer): void {
		const text = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : data;
		let [count, from] = [0, 0];
		for (;;) {
			const found = text.indexOf(endOfMessage, from);
			if (found < 0) break;
			count++;
			from = found + endOfMessage.length;
		}
		this.#rest = text.subarray(Math.max(from, text.length - endOfMessage.length + 1));
		if (data.includes("type='error'") || data.includes("<stream:error")) {
			this.failure ??= new Error(`${this.jid} received an error: ${data.toString().slice(0, 500)}`);
		}
		this.received += count;
		this.onText?.(data.toString());
		if (count > 0) this.onMessages(count);
	}
}

/** Sends a request and waits for text that has `end`. */
async function ask(socket: Socket, request: string, end: string): Promise<string> {
	return await new Promise((resolve, reject) => {
		let answer = "";
		const finish = (error?: Error) => {
			clearTimeout(timer);
			socket.off("data", onData);
			socket.off("close", onClose);
			if (error) reject(error);
			else resolve(answer);
		};
		const onData = (data: Buffer) => {
			answer += data.toString();
			if (answer.includes(end)) finish();
		};
		const onClose = () => finish(new Error(`the stream was closed instead of ${end}: ${answer}`));
		const timer = setTimeout(() => finish(new Error(`no ${end} came in 10 s: ${answer}`)), 10_000);
		socket.on("data", onData);
		socket.on("close", onClose);
		socket.write(request);
	});
}
