import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { inject, onTestFinished } from "vitest";
import { z } from "zod";
import { loopbackCertificates } from "./certificates.ts";
import { temporaryKubeconfig } from "./support.ts";

/** A request as it came to the proxy. */
export interface SeenRequest {
	/** In the words of RBAC. */
	readonly verb: "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";
	/** Plural, with `/status` for a subresource. */
	readonly resource: string;
	readonly namespace: string | undefined;
	readonly name: string | undefined;
	readonly query: URLSearchParams;
	/** When it came (ms of the monotonic clock). */
	readonly at: number;
	/** Whether it reached the API server. */
	forwarded: boolean;
	/** HTTP status that was answered; 0 where there was no answer. */
	status: number;
	/** Seconds that the answer asked to wait; undefined where it did not. */
	retryAfter: number | undefined;
}

/** What happens to a request instead of being passed on. */
export type Fault =
	/** The answer of an API server that refuses. */
	| { readonly answer: number; readonly reason: string; readonly message?: string; readonly retryAfter?: number }
	/** The connection is lost before the request arrives, or after it was carried out, with its answer. */
	| { readonly lose: "request" | "answer" }
	/** Passed on after this time (ms). */
	| { readonly delay: number };

export interface ApiProxy {
	/** Kubeconfig that leads through the proxy, with the rights of the one that was given. */
	readonly kubeconfig: string;
	/** All requests, oldest first. */
	readonly requests: readonly SeenRequest[];
	/** Requests that could have changed something. */
	writes(): readonly SeenRequest[];
	/** Decides what happens to each request from now on; undefined passes it on. */
	fault: ((request: SeenRequest) => Fault | undefined) | undefined;
	/** Keeps back what running and later watches of this resource bring, until `thaw`: a cache that is behind. */
	freeze(resource: string): void;
	thaw(): void;
	/** From now on no byte of the watches that run comes through, for ever, and nobody is told. New ones work. */
	silence(): void;
	/** Cuts each running watch of this resource in the middle of the next event that it brings. */
	cutNextEvent(resource: string): void;
	/** Resets all connections. New ones work. */
	cut(): void;
	/** Watches that run, by resource. */
	watches(resource?: string): number;
}

interface RunningWatch {
	readonly resource: string;
	silent: boolean;
	cutNext: boolean;
}

const kubeconfigSchema = z.looseObject({
	clusters: z.tuple([z.looseObject({ cluster: z.looseObject({ server: z.string() }) })]),
});

export const isWrite = ({ verb }: SeenRequest): boolean => !["get", "list", "watch"].includes(verb);

/**
 * An HTTP proxy in front of a real API server that does to chosen requests what a network, a webhook or an overloaded
 * server would do, and writes down what came. What it does not answer itself is the real server's. Ends with the test.
 */
export async function startApiProxy(kubeconfig = inject("kubeconfig")): Promise<ApiProxy> {
	const text = await readFile(kubeconfig, "utf8");
	const config = kubeconfigSchema.parse(JSON.parse(text));
	const [{ cluster }] = config.clusters;
	const upstreamCa = Buffer.from(String(cluster["certificate-authority-data"]), "base64").toString();
	const agent = new Agent({ connect: { ca: upstreamCa }, connections: null, headersTimeout: 0, bodyTimeout: 0 });
	const { ca, server: pair } = await loopbackCertificates();

	const requests: SeenRequest[] = [];
	const running = new Set<RunningWatch>();
	const frozen = new Set<string>();
	let thawed = Promise.withResolvers<void>();

	const proxy: ApiProxy = {
		kubeconfig: "",
		requests,
		writes: () => requests.filter(isWrite),
		fault: undefined,
		freeze: (resource) => void frozen.add(resource),
		thaw: () => {
			frozen.clear();
			thawed.resolve();
			thawed = Promise.withResolvers<void>();
		},
		silence: () => running.forEach((watch) => (watch.silent = true)),
		cutNextEvent: (resource) =>
			running.forEach((watch) => {
				if (watch.resource === resource) watch.cutNext = true;
			}),
		cut: () => server.closeAllConnections(),
		watches: (resource) => [...running].filter((watch) => resource === undefined || watch.resource === resource).length,
	};

	const server = createServer({ key: pair.key, cert: pair.certificate }, (message, response) => {
		void handle(message, response).catch(() => response.destroy());
	});

	async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
		const seen = seenRequest(message);
		requests.push(seen);
		const body = await buffer(message);
		const fault = proxy.fault?.(seen);
		if (fault && "answer" in fault) return refuse(seen, response, fault);
		if (fault && "lose" in fault && fault.lose === "request") return void response.destroy();
		if (fault && "delay" in fault) await sleep(fault.delay);
		if (response.destroyed) return;

		const gone = new AbortController();
		response.once("close", () => gone.abort());
		seen.forwarded = true;
		const answer = await request(`${cluster.server}${message.url}`, {
			dispatcher: agent,
			// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a method is a method
			method: message.method as "GET",
			headers: endToEnd(message.headers),
			body: body.length > 0 ? body : null,
			signal: gone.signal,
		});
		if (fault && "lose" in fault) {
			await answer.body.dump();
			return void response.destroy();
		}
		seen.status = answer.statusCode;
		seen.retryAfter = secondsOf(answer.headers["retry-after"]);
		response.writeHead(answer.statusCode, endToEnd(answer.headers));
		if (seen.verb === "watch") await passWatch(seen.resource, answer.body, response);
		else for await (const chunk of answer.body) await write(response, chunk);
		response.end();
	}

	async function passWatch(resource: string, body: AsyncIterable<Buffer>, response: ServerResponse): Promise<void> {
		response.flushHeaders();
		const watch: RunningWatch = { resource, silent: false, cutNext: false };
		running.add(watch);
		try {
			for await (const chunk of body) {
				while (frozen.has(resource)) await thawed.promise;
				if (watch.silent) continue;
				if (watch.cutNext) {
					await new Promise<void>((sent) => response.write(chunk.subarray(0, chunk.length / 2), () => sent()));
					return void response.destroy();
				}
				await write(response, chunk);
			}
			// A silent connection does not tell of its end, either.
			if (watch.silent) await once(response, "close");
		} finally {
			running.delete(watch);
		}
	}

	await new Promise<void>((resolve) => {
		server.listen(0, "127.0.0.1", resolve);
	});
	onTestFinished(async () => {
		proxy.thaw();
		server.closeAllConnections();
		server.close();
		await agent.destroy();
	});
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
	const { port } = server.address() as AddressInfo;
	cluster.server = cluster.server.replace(/\/+$/, "");
	const through = { server: `https://127.0.0.1:${port}`, "certificate-authority-data": btoa(ca) };
	const path = await temporaryKubeconfig(
		JSON.stringify({ ...config, clusters: [{ ...config.clusters[0], cluster: through }] }),
	);
	return Object.assign(proxy, { kubeconfig: path });
}

function refuse(seen: SeenRequest, response: ServerResponse, fault: Extract<Fault, { answer: number }>): void {
	const { answer: code, reason, message = "a fault of this test", retryAfter } = fault;
	seen.status = code;
	seen.retryAfter = retryAfter;
	const status = { kind: "Status", apiVersion: "v1", status: "Failure", reason, message, code };
	response.writeHead(code, {
		"content-type": "application/json",
		...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
	});
	response.end(JSON.stringify(status));
}

async function write(response: ServerResponse, chunk: Buffer): Promise<void> {
	if (response.write(chunk) || response.destroyed) return;
	const either = new AbortController();
	const { signal } = either;
	await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]);
	either.abort();
}

function secondsOf(header: string | string[] | undefined): number | undefined {
	return header === undefined ? undefined : Number(header);
}

/** Headers that are not about one connection. */
function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
	const ofConnections = new Set(["connection", "keep-alive", "transfer-encoding", "host", "content-length"]);
	return Object.fromEntries(
		Object.entries(headers).flatMap(([name, value]) =>
			value === undefined || ofConnections.has(name) ? [] : [[name, value]],
		),
	);
}

const verbs: Readonly<Record<string, SeenRequest["verb"]>> = {
	POST: "create",
	PUT: "update",
	PATCH: "patch",
	DELETE: "delete",
};

function seenRequest({ method = "GET", url = "/" }: IncomingMessage): SeenRequest {
	const { pathname, searchParams } = new URL(url, "https://proxy.invalid");
	// /api/v1/..., or /apis/GROUP/VERSION/...
	const parts = pathname.split("/").slice(1).map(decodeURIComponent);
	const rest = parts.slice(parts[0] === "api" ? 2 : 3);
	const inNamespace = rest[0] === "namespaces" && rest.length > 2;
	const [plural = "", name, subresource] = inNamespace ? rest.slice(2) : rest;
	const reading = name !== undefined ? "get" : searchParams.has("watch") ? "watch" : "list";
	return {
		verb: verbs[method] ?? reading,
		resource: subresource === undefined ? plural : `${plural}/${subresource}`,
		namespace: inNamespace ? rest[1] : undefined,
		name,
		query: searchParams,
		at: performance.now(),
		forwarded: false,
		status: 0,
		retryAfter: undefined,
	};
}
