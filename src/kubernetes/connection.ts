import http, { type IncomingMessage } from "node:http";
import https, { type RequestOptions } from "node:https";
import { createSecureContext } from "node:tls";
import { KubeConfig } from "@kubernetes/client-node";
import { HttpProxyAgent, HttpsProxyAgent } from "hpagent";
import { type HttpRequest, sendRequest } from "./http-request.ts";
import { useTokenFile } from "./token-files.ts";

/** Connections that all calls but watches share, unless told otherwise. */
export const maxCallConnections = 4;

/** Idle connections are kept this long (ms): below the 90 s after which the API server closes them. */
const keepAliveTimeout = 60_000;
/** The first probe of an idle connection (ms): load balancers forget connections after a minute. */
const keepAliveDelay = 30_000;

/**
 * Client configuration from a kubeconfig file, $KUBECONFIG, ~/.kube/config or the service account of the pod, the first
 * that there is.
 *
 * @throws {Error} where there is none, or it has no such context.
 */
export function loadKubeConfig(
	options: { readonly kubeconfig?: string | undefined; readonly context?: string | undefined } = {},
): KubeConfig {
	const config = options.kubeconfig === undefined ? defaultKubeConfig() : new KubeConfig();
	if (options.kubeconfig !== undefined) config.loadFromFile(options.kubeconfig);
	if (options.context !== undefined) {
		if (!config.getContextObject(options.context)) {
			const known = config.getContexts().map((context) => context.name);
			throw new Error(
				`the kubeconfig has no context ${JSON.stringify(options.context)}; it has: ${known.join(", ") || "none"}`,
			);
		}
		config.setCurrentContext(options.context);
	}
	useTokenFile(config, options.kubeconfig);
	const cluster = config.getCurrentCluster();
	// client-node's answer to finding nothing is an address that nobody asked for.
	if (!cluster || (cluster.name === "cluster" && cluster.server === "http://localhost:8080")) {
		throw new Error(
			"no Kubernetes configuration was found: set KUBECONFIG, write ~/.kube/config with a current context, or run in a pod with a service account",
		);
	}
	return config;
}

/** Of several files in $KUBECONFIG the first one's context counts, as with kubectl; that of a later one if it has none. */
function defaultKubeConfig(): KubeConfig {
	const [config, merged] = [new KubeConfig(), new KubeConfig()];
	config.loadFromDefault(undefined, true);
	if (config.getCurrentContext()) return config;
	merged.loadFromDefault();
	return merged;
}

interface Agents {
	readonly calls: http.Agent;
	readonly watches: http.Agent;
}

/** A request to the API server: {@link HttpRequest} without what the connection knows by itself. */
export interface ApiRequest extends Omit<HttpRequest, "agent" | "onConnection"> {
	/** From the root of the API on. */
	readonly path: string;
	/** Gets a connection of its own. */
	readonly isWatch: boolean;
}

/**
 * The connections to one API server: at most {@link maxCallConnections} (or as told) for calls, and one for each watch that runs.
 * HTTP/1.1, so that a watch whose connection has gone silent holds up nothing else.
 */
export class Connection {
	/** Base URL without trailing slash. */
	readonly server: string;
	readonly #config: KubeConfig;
	readonly #callConnections: number;
	readonly #closing = new AbortController();
	#current: { readonly tls: readonly unknown[]; readonly agents: Agents } | undefined;
	#open = 0;
	#opened = 0;

	/** @param callConnections connections that calls share; further calls wait */
	constructor(config: KubeConfig, callConnections = maxCallConnections) {
		this.#callConnections = callConnections;
		const cluster = config.getCurrentCluster();
		if (!cluster) throw new Error("the Kubernetes configuration has no current cluster: set a current context");
		if (cluster.proxyUrl?.startsWith("socks")) {
			throw new Error("the kubeconfig names a SOCKS proxy, which is not supported: use an http or https proxy-url");
		}
		this.server = cluster.server.replace(/\/+$/, "");
		this.#config = config;
	}

	/** Connections that are open now, and that were ever opened. */
	get connections(): { readonly open: number; readonly opened: number } {
		return { open: this.#open, opened: this.#opened };
	}

	/** Aborted by {@link close}: what is under way must end then. */
	get closing(): AbortSignal {
		return this.#closing.signal;
	}

	/** Sends one request, authenticated, and gives the answer once its headers are here. */
	async send(request: ApiRequest): Promise<IncomingMessage> {
		const { headers, calls, watches } = await this.authenticate();
		return await sendRequest(`${this.server}${request.path}`, {
			...request,
			headers: { ...headers, ...request.headers },
			agent: request.isWatch ? watches : calls,
			onConnection: (connection) => {
				this.#open++;
				this.#opened++;
				connection.once("close", () => this.#open--);
			},
		});
	}

	/**
	 * Headers that authenticate one request and the agents to send it by. Asked for each time, because tokens are
	 * renewed; a renewed client certificate or CA makes new connections.
	 */
	async authenticate(): Promise<Agents & { readonly headers: Record<string, string> }> {
		const options: RequestOptions = {};
		await this.#config.applyToHTTPSOptions(options);
		const headers: Record<string, string> = {};
		for (const [name, value] of Object.entries(options.headers ?? {})) {
			// A token file may well end with a line's end.
			if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
		}
		if (options.auth) headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
		return { ...this.#agents(options), headers };
	}

	/** Ends all connections; what is under way fails. */
	async close(): Promise<void> {
		this.#closing.abort(new Error("the connections were closed"));
		for (const agent of Object.values(this.#current?.agents ?? {})) agent.destroy();
		this.#current = undefined;
	}

	#agents(options: RequestOptions): Agents {
		const tls = [options.ca, options.cert, options.key, options.rejectUnauthorized, options.servername];
		if (this.#current && sameTls(this.#current.tls, tls)) return this.#current.agents;
		// What is under way goes on by the old ones; their connections end when they have been idle for a while.
		const agents = {
			calls: this.#agent(options, this.#callConnections),
			watches: this.#agent(options, Number.POSITIVE_INFINITY),
		};
		this.#current = { tls, agents };
		return agents;
	}

	#agent({ ca, cert, key, rejectUnauthorized, servername }: RequestOptions, maxSockets: number): http.Agent {
		const common = { keepAlive: true, keepAliveMsecs: keepAliveDelay, maxSockets, timeout: keepAliveTimeout };
		const tls = {
			// Made once: a certificate store for each connection would take time and memory.
			secureContext: createSecureContext({ ca, cert, key }),
			...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
			...(servername !== undefined && { servername }),
		};
		const isSecure = this.server.startsWith("https:");
		const proxy = this.#config.getCurrentCluster()?.proxyUrl;
		if (!proxy) return isSecure ? new https.Agent({ ...common, ...tls }) : new http.Agent(common);
		return isSecure ? new HttpsProxyAgent({ ...common, ...tls, proxy }) : new HttpProxyAgent({ ...common, proxy });
	}
}

function sameTls(a: readonly unknown[], b: readonly unknown[]): boolean {
	return a.every((value, index) => {
		const other = b[index];
		return Buffer.isBuffer(value) && Buffer.isBuffer(other) ? value.equals(other) : value === other;
	});
}
