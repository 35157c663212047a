import type { Cluster } from "../kind/clusters.ts";
import { CommandError, type CommandOptions } from "../lib/commands.ts";

/** A Kubernetes object as this directory uses it: what is not named here is reached through the fields' own names. */
export interface KubernetesObject {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly uid?: string;
		readonly generation?: number;
		readonly labels?: Readonly<Record<string, string>>;
		readonly annotations?: Readonly<Record<string, string>>;
		readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
		readonly deletionTimestamp?: string;
	};
}

/** Who owns the fields of what is applied here (server-side apply). */
const FIELD_MANAGER = "xmppfed-demo";

/** kubectl for one cluster, with an abort signal. */
export class Kubectl {
	readonly cluster: Cluster;
	readonly signal: AbortSignal | undefined;

	constructor(cluster: Cluster, signal?: AbortSignal) {
		this.cluster = cluster;
		this.signal = signal;
	}

	/**
	 * Standard output of a kubectl command.
	 *
	 * @throws {CommandError} whose message says what kubectl says.
	 */
	async run(args: readonly string[], options: Omit<CommandOptions, "signal"> = {}): Promise<string> {
		try {
			return (await this.cluster.runKubectl(args, { ...options, signal: this.signal })).stdout;
		} catch (error) {
			if (!(error instanceof CommandError)) throw error;
			const { code, output } = error;
			const said = output.trim().split("\n").slice(-5).join("\n");
			throw new CommandError(["kubectl", ...args], said || error.message, { code, cause: error });
		}
	}

	/** Server-side apply; fields that others set are taken over. */
	async apply(...objects: readonly KubernetesObject[]): Promise<void> {
		const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
		const flags = ["--server-side", "--force-conflicts", `--field-manager=${FIELD_MANAGER}`];
		await this.run(["apply", ...flags, "-f", "-"], { input: list });
	}

	/** The object, or undefined where there is none. `kind` as kubectl takes it: `secret`, `xmppfederation`. */
	async find<T extends KubernetesObject>(kind: string, name: string, namespace?: string): Promise<T | undefined> {
		const text = await this.run(["get", kind, name, ...inNamespace(namespace), "--ignore-not-found", "-o", "json"]);
		return text.trim() === "" ? undefined : JSON.parse(text);
	}

	/** The objects of a kind, or of several kinds joined by commas. */
	async list<T extends KubernetesObject>(kind: string, namespace?: string, selector?: string): Promise<readonly T[]> {
		const select = selector === undefined ? [] : ["-l", selector];
		const where = namespace === undefined ? ["--all-namespaces"] : inNamespace(namespace);
		const list: { readonly items: readonly T[] } = JSON.parse(
			await this.run(["get", kind, ...where, ...select, "-o", "json"]),
		);
		return list.items;
	}

	/** Deletes an object, whether or not it is there. */
	async delete(kind: string, name: string, namespace?: string, ...flags: readonly string[]): Promise<void> {
		await this.run(["delete", kind, name, ...inNamespace(namespace), "--ignore-not-found", ...flags]);
	}

	/** A merge patch (RFC 7396). */
	async patch(kind: string, name: string, namespace: string, patch: object): Promise<void> {
		const flags = ["--type=merge", `--field-manager=${FIELD_MANAGER}`, "-p", JSON.stringify(patch)];
		await this.run(["patch", kind, name, "-n", namespace, ...flags]);
	}

	/** What a pod answers over HTTP in JSON, asked through the API server. */
	async askPod<T>(namespace: string, pod: string, port: number, path: string): Promise<T> {
		const raw = `/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy${path}`;
		return JSON.parse(await this.run(["get", "--raw", raw, "--request-timeout=10s"]));
	}
}

function inNamespace(namespace: string | undefined): string[] {
	return namespace === undefined ? [] : ["-n", namespace];
}
