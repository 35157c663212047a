import type { SecureContextOptions } from "node:tls";
import { waitFor } from "../../lib/xmpp/wait.ts";
import { type Pem, selfSigned } from "./certificates.ts";
import { RawListener, RawStream } from "./raw-stream.ts";

export function streamHeader(attributes: string): string {
	return `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' version='1.0' ${attributes}>`;
}

const starttls = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";

export const dialbackFeature = "<dialback xmlns='urn:xmpp:features:dialback'/>";

/** Answers the header of a stream that was opened to a domain that a test plays, and offers TLS. */
export async function offerTls(plain: RawStream): Promise<void> {
	await plain.receive("<stream:stream");
	plain.send(`${streamHeader("id='1'")}<stream:features><starttls ${starttls}/></stream:features>`);
}

/** When `<starttls/>` has come: goes on inside TLS, up to the header there. Features are up to the test. */
export async function proceedToTls(plain: RawStream, certificate: Pem): Promise<RawStream> {
	plain.send(`<proceed ${starttls}/>`);
	const stream = await plain.acceptTls(certificate);
	await stream.receive("<stream:stream");
	const [from, to] = domainsOf(stream);
	stream.send(streamHeader(`id='2' from='${to}' to='${from}'`));
	return stream;
}

/** A stream to a federation connection manager, inside TLS, of which nothing but its header has been said there. */
export async function startTls(
	{ host, port }: { readonly host: string; readonly port: number },
	from: string,
	to: string,
	certificate: SecureContextOptions = {},
): Promise<RawStream> {
	const plain = await RawStream.connect(host, port);
	plain.send(streamHeader(`from='${from}' to='${to}'`));
	await plain.receive("<stream:features");
	plain.send(`<starttls ${starttls}/>`);
	await plain.receive("<proceed");
	const stream = await plain.startTls(certificate);
	stream.send(streamHeader(`from='${from}' to='${to}'`));
	return stream;
}

/** A test that plays the server of every domain whose SRV record names it: it proves to be who it says by dialback. */
export class PlayedPeers implements Disposable {
	/** Streams that were opened to each domain: inside TLS, unless the gateway goes on without. */
	readonly streams = new Map<string, RawStream[]>();
	/** Keys (db:result) that are left without an answer, on each stream. */
	unanswered = 0;
	/** What is said of the key of a stream by the server of a domain, where it says anything. */
	verdict: (domain: string, id: string, key: string) => "valid" | "invalid" | undefined = () => "valid";
	readonly #certificate: Pem;
	#listener: RawListener | undefined;

	static async listen(host: string, certificate?: Pem): Promise<PlayedPeers> {
		const played = new PlayedPeers(certificate ?? (await selfSigned(["played.lab"])));
		played.#listener = await RawListener.listen(host, 5269, (stream) => void played.#accept(stream).catch(() => {}));
		return played;
	}

	private constructor(certificate: Pem) {
		this.#certificate = certificate;
	}

	/** What was received on streams to a domain. */
	received(domain: string): string {
		return (this.streams.get(domain) ?? []).map(({ received }) => received).join("");
	}

	/** A stream to a federation connection manager, inside TLS, not authenticated. */
	static async open(host: string, port: number, from: string, to: string): Promise<RawStream> {
		const stream = await startTls({ host, port }, from, to);
		await stream.receive("<stream:features");
		return stream;
	}

	/** The same, authenticated. */
	async openAuthenticated(host: string, port: number, from: string, to: string): Promise<RawStream> {
		const stream = await PlayedPeers.open(host, port, from, to);
		stream.send(`<db:result from='${from}' to='${to}'>key</db:result>`);
		await waitFor("dialback to succeed", () => /<db:result[^>]*type='valid'/.test(stream.received));
		return stream;
	}

	async #accept(plain: RawStream): Promise<void> {
		await offerTls(plain);
		await waitFor("TLS or dialback", () => /<starttls|<db:/.test(plain.received));
		if (!plain.received.includes("<starttls")) return await this.#answer(plain);
		const stream = await proceedToTls(plain, this.#certificate);
		stream.send(`<stream:features>${dialbackFeature}</stream:features>`);
		await this.#answer(stream);
	}

	/** Answers dialback: of its own keys as `verdict` says, and that ours are right. */
	async #answer(stream: RawStream): Promise<void> {
		const [from, to] = domainsOf(stream);
		this.streams.set(to, [...(this.streams.get(to) ?? []), stream]);
		let seen = 0;
		let keys = 0;
		await waitFor(
			"the stream to end",
			() => {
				const elements = [...stream.received.matchAll(/<db:(verify|result) ([^>]*)>([^<]*)</g)];
				for (const [, name = "", attributes = "", key = ""] of elements.slice(seen)) {
					seen++;
					if (name === "result" && keys++ < this.unanswered) continue;
					const id = /id='([^']*)'/.exec(attributes)?.[1];
					const type = name === "verify" ? this.verdict(to, id ?? "", key) : "valid";
					if (type === undefined) continue;
					const ofStream = id === undefined ? "" : ` id='${id}'`;
					stream.send(`<db:${name} from='${to}' to='${from}'${ofStream} type='${type}'/>`);
				}
				return stream.closed;
			},
			{ timeout: 300_000 },
		);
	}

	[Symbol.dispose](): void {
		this.#listener?.[Symbol.dispose]();
	}
}

/** From whom a stream is, and to whom. */
function domainsOf({ received }: RawStream): readonly [string, string] {
	const attribute = (name: string) => new RegExp(` ${name}='([^']*)'`).exec(received)?.[1] ?? "";
	return [attribute("from"), attribute("to")];
}
