import type { RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { Agent, type Dispatcher, ProxyAgent } from "undici";
import { useTokenFile } from "./token-files.ts";

/** Connections that all calls but watches share, unless told otherwise. */
export const maxCallConnections = 4;

/** Idle connections are kept this long (ms): below the 90 s after which the API server closes them. */
const keepAliveTimeout = 60_000;
const connectTimeout = 10_000;

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

interface Dispatchers {
	readonly calls: Dispatcher;
	readonly watches: Dispatcher;
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
	#current: { readonly tls: readonly unknown[]; readonly dispatchers: Dispatchers } | undefined;
	#open = 0;
	#opened = 0;

	/** @param callConnections connections that calls share; further calls wait */
	constructor(config: KubeConfig, callConnections = maxCallConnections) {
		this.#callConnections = callConnections;
		const cluster = config.getCurrentCluster();
		if (!cluster) throw new Error("the Kubernetes configuration has no current cluster: set a current context");
		this.server = cluster.server.replace(/\/+$/, "");
		this.#config = config;
	}

	/** Connections that are open now, and that were ever opened. */
	get connections(): { readonly open: number; readonly opened: number } {
		return { open: this.#open, opened: this.#opened };
	}

	/**
	 * Headers that authenticate one request and the connections to send it on. Asked for each time, because tokens are
	 * renewed; a renewed client certificate or CA makes new connections.
	 */
	async authenticate(): Promise<Dispatchers & { readonly headers: Record<string, string> }> {
		const options: RequestOptions = {};
		await this.#config.applyToHTTPSOptions(options);
		const headers: Record<string, string> = {};
		for (const [name, value] of Object.entries(options.headers ?? {})) {
			// A token file may well end with a line's end.
			if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
		}
		if (options.auth) headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
		return { ...this.#dispatchers(options), headers };
	}

	/** Ends all connections; what is under way fails. */
	async close(): Promise<void> {
		const dispatchers = this.#current?.dispatchers;
		this.#current = undefined;
		if (dispatchers) await Promise.all([dispatchers.calls.destroy(), dispatchers.watches.destroy()]);
	}

	#dispatchers(options: RequestOptions): Dispatchers {
		const tls = [options.ca, options.cert, options.key, options.rejectUnauthorized, options.servername];
		if (this.#current && sameTls(this.#current.tls, tls)) return this.#current.dispatchers;
		const old = this.#current?.dispatchers;
		const dispatchers = {
			calls: this.#dispatcher(options, this.#callConnections),
			watches: this.#dispatcher(options, null),
		};
		this.#current = { tls, dispatchers };
		// Not awaited: closing waits for what is under way on the old connections.
		if (old) for (const dispatcher of [old.calls, old.watches]) dispatcher.close().catch(() => {});
		return dispatchers;
	}

	#dispatcher(options: RequestOptions, connections: number | null): Dispatcher {
		const tls = {
			...(options.ca !== undefined && { ca: options.ca }),
			...(options.cert !== undefined && { cert: options.cert }),
			...(options.key !== undefined && { key: options.key }),
			...(options.rejectUnauthorized !== undefined && { rejectUnauthorized: options.rejectUnauthorized }),
			...(options.servername !== undefined && { servername: options.servername }),
		};
		const common = { connections, allowH2: false, connectTimeout, keepAliveTimeout };
		const connect = { keepAlive: true, keepAliveInitialDelay: 30_000, timeout: connectTimeout };
		const proxy = this.#config.getCurrentCluster()?.proxyUrl;
		if (proxy?.startsWith("socks")) {
			throw new Error("the kubeconfig names a SOCKS proxy, which is not supported: use an http or https proxy-url");
		}
		const dispatcher = proxy
			? new ProxyAgent({ ...common, uri: proxy, requestTls: tls, connect })
			: new Agent({ ...common, connect: { ...tls, ...connect } });
		dispatcher.on("connect", () => {
			this.#open++;
			this.#opened++;
		});
		dispatcher.on("disconnect", () => this.#open--);
		return dispatcher;
	}
}

function sameTls(a: readonly unknown[], b: readonly unknown[]): boolean {
	return a.every((value, index) => {
		const other = b[index];
		return Buffer.isBuffer(value) && Buffer.isBuffer(other) ? value.equals(other) : value === other;
	});
}
