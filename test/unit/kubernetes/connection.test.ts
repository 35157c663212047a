import { createServer as createProxy } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect, type Server } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { expect, onTestFinished, test } from "vitest";
import { Connection } from "../../../src/kubernetes/connection.ts";
import { readText } from "../../../src/kubernetes/http-request.ts";
import { loopbackCertificates } from "../../apiserver/certificates.ts";

async function portOf(server: Server): Promise<number> {
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => void server.close());
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server has one
	return (server.address() as AddressInfo).port;
}

/** Stands for an API server: it answers with the path and the token that it was asked with. */
async function apiServer() {
	const { ca, server: pair } = await loopbackCertificates();
	const server = createServer({ key: pair.key, cert: pair.certificate }, ({ url, headers }, response) =>
		response.end(`${url} ${headers.authorization}`),
	);
	return { server: `https://127.0.0.1:${await portOf(server)}`, ca };
}

function connectionTo({ server, ca }: { server: string; ca: string }, proxyUrl?: string): Connection {
	const config = new KubeConfig();
	config.loadFromClusterAndUser(
		{
			name: "c",
			server,
			caData: Buffer.from(ca).toString("base64"),
			skipTLSVerify: false,
			...(proxyUrl && { proxyUrl }),
		},
		{ name: "u", token: "t" },
	);
	const connection = new Connection(config, 2);
	onTestFinished(async () => await connection.close());
	return connection;
}

async function ask(connection: Connection, path: string): Promise<string> {
	const silence = { before: 10_000, during: 10_000 };
	return await readText(await connection.send({ path, isWatch: false, signal: connection.closing, silence }));
}

test("calls share connections that show the certificate authority's server, and end when they are closed", async () => {
	const api = await apiServer();
	const connection = connectionTo(api);
	const paths = Array.from({ length: 30 }, (_, index) => `/${index}`);
	const answers = await Promise.all(paths.map(async (path) => await ask(connection, path)));
	expect(answers).toEqual(paths.map((path) => `${path} Bearer t`));
	expect(connection.connections).toEqual({ open: 2, opened: 2 });
	await connection.close();
	await expect(ask(connection, "/late")).rejects.toThrow("the connections were closed");

	const { ca } = await loopbackCertificates();
	await expect(ask(connectionTo({ ...api, ca }), "/")).rejects.toThrow(/certificate/);
});

test("a proxy of the kubeconfig is asked for the connection, and sees nothing of what is said", async () => {
	const tunnels: unknown[] = [];
	const proxy = createProxy((_request, response) => void response.writeHead(400).end());
	proxy.on("connect", ({ url = "" }, client) => {
		tunnels.push(url);
		const upstream = connect(Number(url.split(":")[1]), "127.0.0.1", () => {
			client.write("HTTP/1.1 200 OK\r\n\r\n");
			client.pipe(upstream).pipe(client);
		});
		client.on("error", () => upstream.destroy());
		upstream.on("error", () => client.destroy());
	});
	const api = await apiServer();
	const connection = connectionTo(api, `http://127.0.0.1:${await portOf(proxy)}`);
	expect(await ask(connection, "/a")).toBe("/a Bearer t");
	expect(await ask(connection, "/b")).toBe("/b Bearer t");
	expect(tunnels).toEqual([new URL(api.server).host]);
});

test("a SOCKS proxy is refused with what would do", () => {
	expect(() => connectionTo({ server: "https://192.0.2.1", ca: "" }, "socks5://192.0.2.2")).toThrow(
		/SOCKS proxy, which is not supported: use an http or https proxy-url/,
	);
});
