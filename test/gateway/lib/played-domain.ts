import { openComponent } from "./component.ts";
import { RawStream } from "./raw-stream.ts";

/** A domain of a real XMPP server whose users a test plays. */
export class PlayedDomain implements Disposable {
	readonly domain: string;
	readonly #stream: RawStream;

	static async connect(host: string, port: number, domain: string, secret: string): Promise<PlayedDomain> {
		const stream = await RawStream.connect(host, port);
		await openComponent(stream, domain, secret);
		return new PlayedDomain(domain, stream);
	}

	private constructor(domain: string, stream: RawStream) {
		this.domain = domain;
		this.#stream = stream;
	}

	/** JID of its user. */
	get user(): string {
		return `someone@${this.domain}`;
	}

	send(to: string, id: string): void {
		this.#stream.send(`<message from='${this.user}' to='${to}' id='${id}' type='chat'><body>hello</body></message>`);
	}

	/** What has come of the message with that id: it was received here, or an error came back for it. */
	seen(id: string): "message" | "error" | undefined {
		const tag = new RegExp(`<message\\b[^>]*\\bid=['"]${id}['"][^>]*>`).exec(this.#stream.received)?.[0];
		if (tag === undefined) return undefined;
		return /\btype=['"]error['"]/.test(tag) ? "error" : "message";
	}

	/** What the error that came back for a message says. */
	errorText(id: string): string {
		const { received } = this.#stream;
		const start = received.search(new RegExp(`<message\\b[^>]*\\bid=['"]${id}['"]`));
		return /<error\b.*?<\/error>/.exec(received.slice(start))?.[0] ?? "";
	}

	[Symbol.dispose](): void {
		this.#stream[Symbol.dispose]();
	}
}
