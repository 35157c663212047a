import { createHash, hash, randomInt } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { emailAddressFiles, podLayout } from "../../src/gateway/layout.ts";
import { revisionFile, settingsRevision } from "../../src/gateway/settings.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { configMaps, type Pod, pods, secrets } from "../../src/kubernetes/resources.ts";
import { refreshAnnotation } from "../../src/objects/annotations.ts";
import { nodeLabel } from "../../src/objects/labels.ts";

const authoritiesKeys = ["trusted-authorities.pem", "trusted-authorities-only.pem"];

/** What the processes of a node have in force. */
interface InForce {
	/** Revision of the settings. */
	readonly settings: string | undefined;
	readonly certificate: string | undefined;
	/** Digest of the policy. */
	readonly policy: string | undefined;
	/** SHA-256 of the file of each setting. */
	readonly used: Readonly<Record<string, string>>;
	/** Digest of the mapping of email addresses; absent where the pod has none of its files. */
	readonly addresses?: { readonly digest?: string } | undefined;
}

/**
 * Plays kubelets and gateway processes, as far as what is mounted goes: a pod has what its ConfigMaps and Secrets held
 * when it was made or when an annotation of it changed last, and its processes tell of it over HTTP. Settings are taken
 * once all files are of one revision.
 */
export class PlayedGateways {
	/** Why a process of a node does not use what is mounted, by node. */
	readonly failures = new Map<string, string>();
	/** Why a process cannot use the link certificate, by `NODE/ROLE`. */
	readonly linkFailures = new Map<string, string>();
	readonly #client: KubernetesClient;
	readonly #namespace: string;
	readonly #addresses: ReadonlyMap<string, string>;
	readonly #mounted = new Map<string, { readonly stamp: string; readonly inForce: InForce }>();

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
			const inForce = this.#mounted.get(node)?.inForce;
			const failure = this.failures.get(node);
			const settings = failure === undefined ? { revision: inForce?.settings, used: inForce?.used } : { failure };
			const upstreams = [{ domain: "example.com", reachable: true }];
			const links = [...this.#addresses.values()].map((to) => ({ domain: "example.com", address: to, state: "Up" }));
			const certificate = { digest: inForce?.certificate };
			const linkCertificate = { failure: this.linkFailures.get(`${node}/${role}`) };
			const common = { role, settings, certificate, linkCertificate };
			const policy = failure === undefined ? { digest: inForce?.policy } : { failure };
			const ofRouter = { upstreams, links, emailAddresses: inForce?.addresses };
			response.end(JSON.stringify({ ...common, ...(role === "router" ? ofRouter : { policy }) }));
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
			const before = this.#mounted.get(node);
			if (before?.stamp !== stamp) {
				const isSame = before?.stamp.startsWith(`${pod.metadata.uid} `) ?? false;
				const mounted = await this.#mount(pod, isSame ? before?.inForce : undefined);
				this.#mounted.set(node, { stamp, inForce: mounted });
			}
			if (pod.status?.podIP !== undefined) continue;
			const status = { podIP: address, podIPs: [{ ip: address }] };
			await this.#client
				.mergePatch(pods, this.#namespace, pod.metadata.name, { status }, { subresource: "status" })
				.catch(() => undefined);
		}
	}

	/** @param before what the pod had in force */
	async #mount({ spec }: Pod, before: InForce | undefined): Promise<InForce> {
		const named = (name: string) => spec?.volumes?.find((volume) => volume.name === name);
		const settings = named("settings");
		const sources = settings?.configMap
			? [settings.configMap]
			: (settings?.projected?.sources ?? []).flatMap(({ configMap }) => configMap ?? []);
		const files = new Map<string, string>();
		for (const { name = "", items } of sources) {
			const { data = {} } = (await this.#client.get(configMaps, this.#namespace, name)) ?? {};
			const paths = items ?? Object.keys(data).map((key) => ({ key, path: key }));
			for (const { key, path } of paths) if (data[key] !== undefined) files.set(path, data[key]);
		}
		const certificate = named("certificate")?.secret;
		const secret = await this.#client.get(secrets, this.#namespace, certificate?.secretName ?? "");
		// Every key, where the volume has no items
		const keys = certificate?.items ? [] : authoritiesKeys.filter((key) => secret?.data?.[key] !== undefined);
		const content = (key: string) => Buffer.from(secret?.data?.[key] ?? "", "base64");
		const pem = [content("tls.crt"), ...keys.flatMap((key) => [Buffer.from(key), content(key)])];
		return {
			...(revisionOf(files) === files.get(revisionFile)?.trim()
				? { settings: revisionOf(files), policy: policyOf(files), used: digestsOf(files) }
				: { settings: before?.settings, policy: before?.policy, used: before?.used ?? {} }),
			certificate: secret && createHash("sha256").update(Buffer.concat(pem)).digest("hex"),
			addresses: await this.#addressesIn(named("email-addresses"), before?.addresses),
		};
	}

	/** The mapping is taken where every file has the digest that the index says. */
	async #addressesIn(volume: Volume | undefined, before: InForce["addresses"]): Promise<InForce["addresses"]> {
		if (!volume) return undefined;
		const files = new Map<string, string>();
		for (const { secret } of volume.projected?.sources ?? []) {
			const { data = {} } = (await this.#client.get(secrets, this.#namespace, secret?.name ?? "")) ?? {};
			for (const [file, text] of Object.entries(data)) files.set(file, Buffer.from(text, "base64").toString("utf8"));
		}
		const index = files.get(emailAddressFiles.index);
		if (index === undefined) return before ?? {};
		const { digests } = mappingIndex.parse(JSON.parse(index));
		const isWhole = digests.every((digest, place) => {
			const text = files.get(emailAddressFiles.place(place));
			return text !== undefined && hash("sha256", text) === digest;
		});
		return isWhole ? { digest: hash("sha256", index).slice(0, 10) } : (before ?? {});
	}
}

type Volume = NonNullable<NonNullable<Pod["spec"]>["volumes"]>[number];

const mappingIndex = z.object({ digests: z.array(z.string()) });

/** As mod_xmppfed_settings finds it. */
function revisionOf(files: ReadonlyMap<string, string>): string {
	const fixed = files.get(".fixed")?.split("\n") ?? [];
	const changing = [...files].filter(
		([name]) => !name.startsWith(".") && name !== revisionFile && !fixed.includes(name),
	);
	return settingsRevision(Object.fromEntries(changing));
}

function digestsOf(files: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
	return Object.fromEntries(
		[...files].flatMap(([name, text]) => (name.endsWith(".json") ? [[name.slice(0, -5), hash("sha256", text)]] : [])),
	);
}

const policySetting = z.object({ digest: z.string() });

function policyOf(files: ReadonlyMap<string, string>): string | undefined {
	const text = files.get("policy.json");
	return text === undefined ? undefined : policySetting.parse(JSON.parse(text)).digest;
}
