import { createHash, randomInt } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { configMaps, type Pod, pods, secrets } from "../../src/kubernetes/resources.ts";
import { refreshAnnotation } from "../../src/objects/annotations.ts";
import { nodeLabel } from "../../src/objects/labels.ts";

/** What the processes of a node have in force. */
interface Mounted {
	readonly settings: string | undefined;
	readonly certificate: string | undefined;
}

/**
 * Plays kubelets and gateway processes, as far as what is mounted goes: a pod has what its ConfigMaps and Secrets held
 * when it was made or when an annotation of it changed last, and its processes tell of it over HTTP.
 */
export class PlayedGateways {
	/** Why a process of a node does not use what is mounted, by node. */
	readonly failures = new Map<string, string>();
	/** Why a process cannot use the link certificate, by `NODE/ROLE`. */
	readonly linkFailures = new Map<string, string>();
	readonly #client: KubernetesClient;
	readonly #namespace: string;
	readonly #addresses: ReadonlyMap<string, string>;
	readonly #mounted = new Map<string, { readonly stamp: string; readonly content: Mounted }>();

	/** Until the test ends. @param names of the nodes */
	static async start(client: KubernetesClient, namespace: string, names: readonly string[]): Promise<PlayedGateways> {
		const block = `127.${1 + randomInt(250)}.${randomInt(255)}`;
		const addresses = new Map(names.map((name, index) => [name, `${block}.${index + 1}`]));
		const played = new PlayedGateways(client, namespace, addresses);
		for (const [node, address] of addresses) {
			await played.#serve(node, "router", address, podLayout.routerHttpPort);
			await played.#serve(node, "federation", address, podLayout.federationHttpPort);
		}
		const stopping = new AbortController();
		const running = played.#run(stopping.signal);
		onTestFinished(async () => {
			stopping.abort();
			await running;
		});
		return played;
	}

	private constructor(client: KubernetesClient, namespace: string, addresses: ReadonlyMap<string, string>) {
		this.#client = client;
		this.#namespace = namespace;
		this.#addresses = addresses;
	}

	async #run(signal: AbortSignal): Promise<void> {
		while (!signal.aborted) {
			await this.#look();
			await sleep(50);
		}
	}

	async #serve(node: string, role: string, address: string, port: number): Promise<void> {
		const server = createServer((_request, response) => {
			const content = this.#mounted.get(node)?.content;
			const failure = this.failures.get(node);
			const settings = failure === undefined ? { revision: content?.settings } : { failure };
			const upstreams = [{ domain: "example.com", reachable: true }];
			const links = [...this.#addresses.values()].map((to) => ({ domain: "example.com", address: to, state: "Up" }));
			const certificate = { digest: content?.certificate };
			const linkCertificate = { failure: this.linkFailures.get(`${node}/${role}`) };
			response.end(JSON.stringify({ role, upstreams, links, settings, certificate, linkCertificate }));
		});
		await new Promise<void>((resolve) => server.listen(port, address, resolve));
		onTestFinished(() => {
			server.close();
			server.closeAllConnections();
		});
	}

	async #look(): Promise<void> {
		for (const pod of (await this.#client.list(pods, { namespace: this.#namespace })).items) {
			const node = pod.metadata.labels?.[nodeLabel] ?? "";
			const address = this.#addresses.get(node);
			if (address === undefined) continue;
			const stamp = `${pod.metadata.uid} ${pod.metadata.annotations?.[refreshAnnotation]}`;
			if (this.#mounted.get(node)?.stamp !== stamp) this.#mounted.set(node, { stamp, content: await this.#mount(pod) });
			if (pod.status?.podIP !== undefined) continue;
			const status = { podIP: address, podIPs: [{ ip: address }] };
			await this.#client
				.mergePatch(pods, this.#namespace, pod.metadata.name, { status }, { subresource: "status" })
				.catch(() => undefined);
		}
	}

	async #mount({ spec }: Pod): Promise<Mounted> {
		const named = (name: string) => spec?.volumes?.find((volume) => volume.name === name);
		const settings = named("settings");
		const sources = settings?.configMap
			? [settings.configMap]
			: (settings?.projected?.sources ?? []).flatMap(({ configMap }) => configMap ?? []);
		const revisions = await Promise.all(
			sources.map(async ({ name = "", items }) => {
				const key = items ? items.find(({ path }) => path === "revision")?.key : "revision";
				return (await this.#client.get(configMaps, this.#namespace, name))?.data?.[key ?? ""]?.trim();
			}),
		);
		const certificate = named("certificate")?.secret;
		const secret = await this.#client.get(secrets, this.#namespace, certificate?.secretName ?? "");
		const pem = secret?.data?.["tls.crt"];
		return {
			settings: revisions.find((revision) => revision !== undefined),
			certificate: pem && createHash("sha256").update(Buffer.from(pem, "base64")).digest("hex"),
		};
	}
}
