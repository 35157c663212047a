import { createServer, type Server } from "node:http";
import type { Registry } from "prom-client";

export interface Health {
	/** Whether the process can do its work; false makes the kubelet restart it. */
	readonly live: () => boolean;
	/** Whether the process leads with full caches, or stands by. */
	readonly ready: () => boolean;
}

/** Serves /livez, /readyz and /metrics. */
export async function serveHttp(port: number, health: Health, registry: Registry): Promise<Server> {
	const server = createServer((request, response) => {
		const answer = (status: number, body: string, type = "text/plain; charset=utf-8") =>
			response.writeHead(status, { "content-type": type }).end(body);
		const judge = (good: boolean) => answer(good ? 200 : 503, good ? "ok\n" : "not yet\n");
		if (request.method !== "GET") return void answer(405, "only GET\n");
		switch (request.url) {
			case "/livez":
				return void judge(health.live());
			case "/readyz":
				return void judge(health.ready());
			case "/metrics":
				return void registry.metrics().then(
					(text) => answer(200, text, registry.contentType),
					() => answer(500, "metrics could not be collected\n"),
				);
			default:
				return void answer(404, "there are /livez, /readyz and /metrics\n");
		}
	});
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, resolve);
	});
	return server;
}
