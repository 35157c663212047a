import { Agent, createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { type HttpRequest, readText, sendRequest } from "../../../src/kubernetes/http-request.ts";

/** A server on loopback, and requests to it over one connection. */
async function server(answer: RequestListener) {
	const listening = createServer(answer);
	await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	onTestFinished(() => {
		agent.destroy();
		listening.closeAllConnections();
		listening.close();
	});
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server has one
	const { port } = listening.address() as AddressInfo;
	const silence = { before: 10_000, during: 10_000 };
	const never = new AbortController().signal;
	return async (path: string, options: Partial<HttpRequest> = {}) =>
		await sendRequest(`http://127.0.0.1:${port}${path}`, { agent, signal: never, silence, ...options });
}

test("requests follow each other on one connection, with their bodies, whatever becomes of those before", async () => {
	const send = await server((request, response) => {
		response.writeHead(request.url === "/refused" ? 403 : 200);
		const answer = (text: string) => response.end(`${request.method} ${text}`);
		void sleep(request.url === "/slow" ? 200 : 0).then(async () => answer(await readText(request)));
	});
	let connections = 0;
	const onConnection = () => connections++;
	const ask = async (path: string, options: Partial<HttpRequest>) => {
		const response = await send(path, { onConnection, ...options });
		return [response.statusCode, await readText(response)];
	};
	const left = new AbortController();
	const [slow, waiting, ...others] = await Promise.allSettled([
		ask("/slow", {}),
		ask("/never", { signal: left.signal }),
		ask("/refused", { method: "DELETE", body: "{}" }),
		ask("/", { method: "POST", body: "ä".repeat(50_000) }),
		// A request that waits for the connection is given up at once.
		sleep(50).then(() => left.abort(new Error("no longer wanted"))),
	]);
	expect(slow).toMatchObject({ value: [200, "GET "] });
	expect(waiting).toMatchObject({ reason: { message: "no longer wanted" } });
	expect(others).toMatchObject([{ value: [403, "DELETE {}"] }, { value: [200, `POST ${"ä".repeat(50_000)}`] }, {}]);
	expect(connections).toBe(1);
});

test("what is forbidden in the moment of sending does not go out, and the next request does", async () => {
	const seen: unknown[] = [];
	const send = await server((request, response) => {
		seen.push(request.url);
		response.end();
	});
	const beforeSend = () => {
		throw new Error("not now");
	};
	await expect(send("/forbidden", { beforeSend })).rejects.toThrow("not now");
	await readText(await send("/allowed"));
	expect(seen).toEqual(["/allowed"]);
});

test("silence ends a request before its answer, and an answer that comes no further", async () => {
	const send = await server((request, response) => {
		if (request.url === "/half") response.writeHead(200).write("half an ans");
	});
	const silence = { before: 100, during: 200 };
	await expect(send("/none", { silence })).rejects.toThrow("nothing came for 0.1 s");
	await expect(send("/half", { silence }).then(readText)).rejects.toThrow("nothing came for 0.2 s");
});

test("the signal's reason ends an answer that is being read", async () => {
	const send = await server((_request, response) => void response.writeHead(200).write("half an ans"));
	const stopping = new AbortController();
	const response = await send("/", { signal: stopping.signal });
	stopping.abort(new Error("stopping"));
	await expect(readText(response)).rejects.toThrow("stopping");
});

test("an answer may be longer than is read", async () => {
	const send = await server((_request, response) => void response.end("x".repeat(2_000)));
	await expect(send("/").then(async (response) => await readText(response, 1_000))).rejects.toThrow("longer than 1000");
});
