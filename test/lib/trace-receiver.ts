import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { z } from "zod";

const value = z.union([
	z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
	z.object({ intValue: z.coerce.number() }).transform(({ intValue }) => intValue),
]);
const attributes = z
	.array(z.object({ key: z.string(), value }))
	.transform((pairs) => Object.fromEntries(pairs.map(({ key, value: of }) => [key, of])));
const span = z.object({
	traceId: z.string(),
	spanId: z.string(),
	parentSpanId: z.string().optional(),
	name: z.string(),
	startTimeUnixNano: z.coerce.bigint(),
	endTimeUnixNano: z.coerce.bigint(),
	attributes,
	status: z.object({ code: z.int().optional(), message: z.string().optional() }),
});
export type ReceivedSpan = z.infer<typeof span>;

/** ExportTraceServiceRequest of OTLP 1, as far as it is looked at. */
const request = z.object({
	resourceSpans: z.array(
		z.object({
			resource: z.object({ attributes }),
			scopeSpans: z.array(z.object({ spans: z.array(span) })),
		}),
	),
});

/** A stand-in for a collector of OpenTelemetry: takes OTLP over HTTP in JSON on loopback, and keeps it. */
export class TraceReceiver implements AsyncDisposable {
	/** What came, as it came. */
	readonly bodies: string[] = [];
	readonly headers: NodeJS.Dict<string | string[]>[] = [];
	readonly #server = createServer((incoming, answer) => void this.#take(incoming, answer));

	static async start(): Promise<TraceReceiver> {
		const receiver = new TraceReceiver();
		await new Promise<void>((resolve) => receiver.#server.listen(0, "127.0.0.1", resolve));
		return receiver;
	}

	get url(): string {
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
		return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
	}

	/** Every span that came. */
	spans(): readonly ReceivedSpan[] {
		return this.#received().flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
	}

	/** Of who sends them. */
	resources(): readonly Readonly<Record<string, string | number>>[] {
		return this.#received().map(({ resource }) => resource.attributes);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#server.closeAllConnections();
		await new Promise((resolve) => this.#server.close(resolve));
	}

	async #take(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
		this.bodies.push(await text(incoming));
		this.headers.push({ ...incoming.headers, path: incoming.url });
		answer.writeHead(200, { "content-type": "application/json" }).end("{}");
	}

	#received() {
		return this.bodies.flatMap((body) => request.parse(JSON.parse(body)).resourceSpans);
	}
}
