import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { probeEndpoint } from "../../../src/cli/diagnosis/probe.ts";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const stream = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>";
const withTls = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";

/** A server that answers the first words with `answer`. @returns its port */
async function serve(answer: (socket: Socket) => void): Promise<number> {
	const server = createServer((socket) => {
		socket.on("error", () => {});
		socket.once("data", () => answer(socket));
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	onTestFinished(() => void server.close());
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
	return (server.address() as AddressInfo).port;
}

const probe = async (answer: (socket: Socket) => void) =>
	await probeEndpoint("127.0.0.1", await serve(answer), "example.com");

test("a server with TLS: its certificate is seen, and the stream is ended in order", async () => {
	const said = Promise.withResolvers<string>();
	const found = await probe((socket) => {
		socket.write(stream + withTls);
		socket.once("data", () => {
			socket.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
			const secureContext = createSecureContext({ cert: fixture("certificate.pem"), key: fixture("key.pem") });
			const secure = new TLSSocket(socket, { isServer: true, secureContext });
			let text = "";
			secure.on("data", (data: Buffer) => (text += data.toString()));
			secure.on("end", () => {
				said.resolve(text);
				secure.end();
			});
		});
	});
	expect(found).toMatchObject({
		value: { certificate: { names: expect.arrayContaining(["example.com"]), notAfter: expect.any(Date) } },
	});
	expect(await said.promise).toMatch(/to='example\.com'.*<\/stream:stream>$/);
});

test.each<[string, (socket: Socket) => void, object]>([
	[
		"offers no TLS",
		(socket) => socket.write(`${stream}<stream:features/>`),
		{ value: { milliseconds: expect.any(Number) } },
	],
	[
		"ends the stream",
		(socket) => socket.end(`${stream}<stream:error><host-unknown xmlns='x'/></stream:error></stream:stream>`),
		{ problem: "it ends the stream: host-unknown" },
	],
	["closes", (socket) => socket.end(), { problem: "the connection was closed" }],
	[
		"is no XMPP server",
		(socket) => socket.write("HTTP/1.1 400 Bad Request\r\n".repeat(4_000)),
		{ problem: "what answers is no XMPP server" },
	],
	[
		"refuses TLS",
		(socket) => {
			socket.write(stream + withTls);
			socket.once("data", () => socket.write("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
		},
		{ problem: "it offers TLS and refuses to begin it" },
	],
])("a server that %s", async (_what, answer, expected) => {
	expect(await probe(answer)).toEqual(expected);
});

test("nobody there", async () => {
	expect(await probeEndpoint("127.0.0.1", 1, "example.com")).toEqual({ problem: "connect ECONNREFUSED 127.0.0.1:1" });
});
