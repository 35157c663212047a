import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { KubeConfig } from "@kubernetes/client-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { Connection } from "../../../src/kubernetes/connection.ts";
import { ApiError, ApiUnreachableError } from "../../../src/kubernetes/errors.ts";
import { PodAccess } from "../../../src/kubernetes/pod-access.ts";

const process = { namespace: "chat", pod: "gw-1", container: "federation" };

/** A frame of a server: unmasked. */
function frame(data: string | Buffer, { opcode = 2, isLast = true } = {}): Buffer {
	const body = Buffer.from(data);
	const size =
		body.length < 126
			? Buffer.from([body.length])
			: body.length < 65_536
				? Buffer.from([126, body.length >> 8, body.length & 255])
				: Buffer.concat([Buffer.from([127]), Buffer.from([0, 0, 0, 0]), uint32(body.length)]);
	return Buffer.concat([Buffer.from([(isLast ? 128 : 0) | opcode]), size, body]);
}

function uint32(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(value);
	return bytes;
}

const close = frame("", { opcode: 8 });

/** An API server that takes every WebSocket and then does as it is told. */
async function podAccess(play: (connection: Duplex, path: string, protocols: string) => void): Promise<PodAccess> {
	const server = createServer((_request, response) => {
		response.writeHead(403, { "content-type": "application/json" });
		response.end(JSON.stringify({ reason: "Forbidden", message: "not you" }));
	});
	server.on("upgrade", (request, connection) => {
		const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
		const protocols = String(request.headers["sec-websocket-protocol"]);
		if (request.url?.includes("refused")) {
			connection.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 42\r\n\r\n{"reason":"Forbidden","message":"not you"}');
			return;
		}
		connection.write(
			`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${createHash("sha1").update(key).digest("base64")}\r\nsec-websocket-protocol: ${protocols.split(",")[0]}\r\n\r\n`,
		);
		// Who serves ends the connection, once both ends have closed (RFC 6455 section 7.1.1).
		connection.on("data", (data: Buffer) => {
			// Short frames with a mask of four bytes.
			for (let at = 0; at + 1 < data.length; at += 6 + (data.readUInt8(at + 1) & 127)) {
				if ((data.readUInt8(at) & 15) === 8) connection.end();
			}
		});
		play(connection, request.url ?? "", protocols);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a server that listens on a port
	const { port } = server.address() as AddressInfo;
	const config = new KubeConfig();
	config.loadFromClusterAndUser(
		{ name: "test", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
		{ name: "test", token: "secret" },
	);
	const connection = new Connection(config);
	onTestFinished(async () => {
		await connection.close();
		server.closeAllConnections();
		server.close();
	});
	return new PodAccess(connection);
}

describe("exec", () => {
	const success = `\u0003${JSON.stringify({ status: "Success" })}`;
	const failure = {
		status: "Failure",
		reason: "NonZeroExitCode",
		details: { causes: [{ reason: "ExitCode", message: "7" }] },
	};

	test("gives lines as they come, in whatever pieces, and the exit code", async () => {
		let asked = "";
		const pods = await podAccess((connection, path, protocols) => {
			asked = `${path} ${protocols}`;
			connection.write(frame("\u0001one\ntw"));
			connection.write(frame("\u0001o \u00fc", { isLast: false }));
			connection.write(frame("\nthree", { opcode: 0 }));
			connection.write(frame("", { opcode: 9 }));
			connection.write(frame(`\u0001${"x".repeat(70_000)}\n`));
			connection.write(frame(`\u0001${"y".repeat(300)}`));
			connection.write(frame("\u0002an error\n"));
			connection.write(Buffer.concat([frame(success), close]));
		});
		const lines: string[] = [];
		const result = await pods.exec(process, ["a", "b c"], { timeout: 5_000, onLine: (line) => lines.push(line) });
		expect(result).toEqual({ code: 0, errors: "an error\n" });
		expect(lines).toEqual(["one", "two \u00fc", `three${"x".repeat(70_000)}`, "y".repeat(300)]);
		expect(asked).toBe(
			"/api/v1/namespaces/chat/pods/gw-1/exec?container=federation&stdout=true&stderr=true&command=a&command=b+c v5.channel.k8s.io,v4.channel.k8s.io",
		);
	});

	test("gives the exit code of a command that failed", async () => {
		const pods = await podAccess((connection) => {
			connection.write(Buffer.concat([frame(`\u0003${JSON.stringify(failure)}`), close]));
		});
		expect(await pods.exec(process, ["a"], { timeout: 5_000, onLine: () => {} })).toEqual({ code: 7, errors: "" });
	});

	test("a refusal is an ApiError that names the right", async () => {
		const pods = await podAccess(() => {});
		const refused = pods.exec({ ...process, pod: "refused" }, ["a"], { timeout: 5_000, onLine: () => {} });
		await expect(refused).rejects.toThrow(ApiError);
		await expect(refused).rejects.toThrow("create pods/exec chat/refused: 403 Forbidden: not you");
	});

	test.each([
		["is lost", (connection: Duplex) => connection.destroy()],
		["ends", (connection: Duplex) => connection.end(close)],
		["says nothing", () => {}],
	])("a connection that %s is no end of the command", async (_, play) => {
		const pods = await podAccess(play);
		const lost = pods.exec(process, ["a"], { timeout: 500, onLine: () => {} });
		await expect(lost).rejects.toThrow(ApiUnreachableError);
	});
});

describe("get", () => {
	const port = Buffer.from([0x35, 0x24]);
	const data = (text: string) => frame(`\u0000${text}`);
	const begin = Buffer.concat([
		frame(Buffer.concat([Buffer.from([0]), port])),
		frame(Buffer.concat([Buffer.from([1]), port])),
	]);
	const get = async (answer: Buffer) => {
		const pods = await podAccess((connection) =>
			connection.once("data", () => connection.write(Buffer.concat([begin, answer]))),
		);
		return await pods.get("chat", "gw-1", 9269, "/status", 5_000);
	};

	test("gives the body of an answer, as soon as it is whole", async () => {
		const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n";
		expect(await get(Buffer.concat([data(head), data('{"a":'), data('"\u00fc\u00fc"}')]))).toBe('{"a":"\u00fc\u00fc"}');
	});

	test("gives it where its length is not told, too", async () => {
		expect(await get(Buffer.concat([data("HTTP/1.0 200 OK\r\n\r\nall"), close]))).toBe("all");
	});

	test.each([
		["HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "it answers 404 Not Found"],
		["SSH-2.0", "what it answers is no HTTP"],
	])("%j is an error", async (answer, message) => {
		await expect(get(Buffer.concat([data(answer), close]))).rejects.toThrow(message);
	});

	test("what the kubelet says went wrong is told", async () => {
		await expect(get(frame("\u0001connection refused\n"))).rejects.toThrow("connection refused");
	});
});
