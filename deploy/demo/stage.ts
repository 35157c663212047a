import type { XmppFederation } from "../../src/api/xmpp-federation.ts";
import { makeSelfSignedCertificate } from "../../src/controller/self-signed-certificate.ts";
import { publishRecords } from "./cluster-dns.ts";
import { type ClientAddress, type ClientAddresses, internalUser, remoteUser } from "./conversation.ts";
import { gatewayPods } from "./gateway-status.ts";
import type { ImageNames } from "./images.ts";
import type { Kubectl, KubernetesObject } from "./kubectl.ts";
import { CERTIFICATE_SECRET, federationOf, REMOTE_SERVER, type Scene } from "./scene.ts";
import { until } from "./until.ts";
import { CLIENT_PORT, type XmppServer, xmppServerObjects, xmppServerServices } from "./xmpp-server.ts";

/** Tells of each part of setting a scene while it is done; `step` of deploy/lib/steps.ts fits. */
export type Announce = <T>(title: string, work: () => Promise<T>) => Promise<T>;

interface Service extends KubernetesObject {
	readonly spec: { readonly clusterIP?: string };
	readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } };
}

interface Secret extends KubernetesObject {
	readonly data: Readonly<Record<string, string>>;
}

export type LiveFederation = KubernetesObject & XmppFederation;

/**
 * Sets a scene: namespaces that enforce the restricted Pod Security Standard, the federation, both XMPP servers, DNS.
 * What is there already stays; when this returns, everything runs what this checkout has.
 *
 * @returns where clients reach the servers
 */
export async function setScene(
	kubectl: Kubectl,
	scene: Scene,
	images: ImageNames,
	announce: Announce,
	signal?: AbortSignal,
): Promise<ClientAddresses> {
	const { internal, remote, federation } = scene;
	const internalServer = { name: internal.server, namespace: internal.namespace };
	const remoteServer = { name: REMOTE_SERVER, namespace: remote.namespace };

	const certificates = await announce("namespaces, certificates and Services", async () => {
		for (const { namespace } of [internal, remote]) await makeNamespace(kubectl, namespace);
		await kubectl.apply(...xmppServerServices(internalServer), ...xmppServerServices(remoteServer));
		return {
			internal: await certificate(kubectl, internal.namespace, [internal.domain, internal.roomsDomain]),
			remote: await certificate(kubectl, remote.namespace, [remote.domain, remote.roomsDomain]),
		};
	});
	const addresses = await announce(`federation ${federation}, applied with kubectl`, async () => {
		await applyFederation(kubectl, scene, images);
		return await federationAddresses(kubectl, scene, signal);
	});
	const clients = await announce(
		`XMPP servers: ${internal.server === "ejabberd" ? "ejabberd" : "Prosody"} (${internal.domain}) and Prosody (${remote.domain})`,
		async () => {
			const common = { image: images.xmppServer };
			const servers: XmppServer[] = [
				{
					...internalServer,
					...internal,
					...common,
					program: internal.server,
					users: [internalUser],
					certificate: certificates.internal,
					encryption: "Optional",
					dnsServer: addresses.resolver,
				},
				{
					...remoteServer,
					...remote,
					...common,
					program: "prosody",
					users: [remoteUser],
					certificate: certificates.remote,
					encryption: "Required",
				},
			];
			await kubectl.apply(...servers.flatMap(xmppServerObjects));
			await publishRecords(kubectl, scene, {
				internal: addresses.public,
				remote: await clusterAddress(kubectl, remote.namespace, REMOTE_SERVER),
			});
			for (const { name, namespace } of servers) await rolledOut(kubectl, namespace, name);
			return {
				internal: await clientAddress(kubectl, internalServer, signal),
				remote: await clientAddress(kubectl, remoteServer, signal),
			};
		},
	);
	await announce("waiting until the federation is ready", async () => {
		await federationReady(kubectl, internal.namespace, federation, signal);
		// One node is enough for that. The others find the internal server some seconds after it has started.
		await federationWell(kubectl, internal.namespace, federation, signal);
	});
	return clients;
}

/** Removes the scene's namespaces with all that is in them, and its DNS records. */
export async function strikeScene(kubectl: Kubectl, scene: Scene, ...flags: readonly string[]): Promise<void> {
	await publishRecords(kubectl, scene, undefined);
	for (const { namespace } of [scene.internal, scene.remote]) {
		await kubectl.delete("namespace", namespace, undefined, ...flags);
	}
}

/** Makes a namespace that enforces the restricted Pod Security Standard, where it is not there. */
export async function makeNamespace(kubectl: Kubectl, name: string): Promise<void> {
	const there = await kubectl.find("namespace", name);
	if (there?.metadata.deletionTimestamp !== undefined) {
		await kubectl.run(["wait", "--for=delete", `namespace/${name}`, "--timeout=120s"]);
	}
	const labels = { "pod-security.kubernetes.io/enforce": "restricted", "app.kubernetes.io/part-of": "xmppfed-demo" };
	await kubectl.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
}

/** A self-signed certificate, made once for each namespace: a new one would restart the nodes. Chain and key, PEM. */
export async function certificate(kubectl: Kubectl, namespace: string, domains: readonly string[]): Promise<string> {
	const kept = await kubectl.find<Secret>("secret", CERTIFICATE_SECRET, namespace);
	if (kept) return pem(kept.data);
	const made = await makeSelfSignedCertificate(domains, new Date());
	const data = { "tls.crt": made.certificate, "tls.key": made.key };
	const metadata = { name: CERTIFICATE_SECRET, namespace };
	const secret = { apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/tls", data };
	await kubectl.apply(secret);
	return pem(data);
}

function pem(data: Readonly<Record<string, string>>): string {
	return ["tls.crt", "tls.key"].map((key) => Buffer.from(data[key] ?? "", "base64").toString("utf8")).join("");
}

/** Applies the federation as a user does. It keeps the image that it was made with, so a newer one is asked for. */
async function applyFederation(kubectl: Kubectl, scene: Scene, images: ImageNames): Promise<void> {
	const resource = await federationOf(scene);
	const { namespace } = scene.internal;
	await kubectl.run(["apply", "-f", "-"], { input: JSON.stringify(resource) });
	const live = await kubectl.find<LiveFederation>("xmppfederation", scene.federation, namespace);
	const runs = live?.spec.image ?? live?.status?.effective?.image;
	if (runs === undefined || runs === images.gateway) return;
	await kubectl.patch("xmppfederation", scene.federation, namespace, { spec: { image: images.gateway } });
}

async function federationAddresses(
	kubectl: Kubectl,
	{ internal, federation }: Scene,
	signal: AbortSignal | undefined,
): Promise<{ public: string; resolver: string }> {
	const address = async (purpose: string) =>
		await federationAddress(kubectl, internal.namespace, federation, purpose, signal);
	return { public: await address("Public"), resolver: await address("Resolver") };
}

/** The address that a federation has for a purpose (`status.endpoints[].for`), waited for. */
export async function federationAddress(
	kubectl: Kubectl,
	namespace: string,
	federation: string,
	purpose: string,
	signal?: AbortSignal,
): Promise<string> {
	return await until(
		`the address ${purpose} of federation ${federation} in its status`,
		async () => {
			const live = await kubectl.find<LiveFederation>("xmppfederation", federation, namespace);
			return live?.status?.endpoints?.find((endpoint) => endpoint.for === purpose)?.host;
		},
		{
			signal,
			explain: () => describeFederation(kubectl, namespace, federation),
			remedy:
				"an address for peers needs a LoadBalancer in the cluster; the operator's log says more: kubectl logs -n xmppfed-system deploy/xmpp-federation-operator",
		},
	);
}

/** Waits until the federation runs what its resource asks for now, and is ready. */
export async function federationReady(
	kubectl: Kubectl,
	namespace: string,
	federation: string,
	signal?: AbortSignal,
): Promise<LiveFederation> {
	return await until(
		`federation ${federation} to be ready`,
		async () => {
			const live = await kubectl.find<LiveFederation>("xmppfederation", federation, namespace);
			return live && isReady(live) ? live : undefined;
		},
		{ signal, timeout: 240_000, explain: () => describeFederation(kubectl, namespace, federation) },
	);
}

/** Waits until nothing is known to be wrong with a federation. */
async function federationWell(
	kubectl: Kubectl,
	namespace: string,
	federation: string,
	signal?: AbortSignal,
): Promise<void> {
	await until(
		`nothing to be wrong with federation ${federation}`,
		async () => {
			const live = await kubectl.find<LiveFederation>("xmppfederation", federation, namespace);
			return live?.status?.conditions?.find(({ type }) => type === "Degraded")?.status === "False";
		},
		{ signal, timeout: 120_000, explain: () => describeFederation(kubectl, namespace, federation) },
	);
}

/** Ready, and Ready for the newest generation. */
export function isReady({ metadata, status }: LiveFederation): boolean {
	const ready = status?.conditions?.find(({ type }) => type === "Ready");
	return ready?.status === "True" && ready.observedGeneration === metadata.generation;
}

/** Conditions and pods, for an error message. */
async function describeFederation(kubectl: Kubectl, namespace: string, federation: string): Promise<string> {
	const live = await kubectl.find<LiveFederation>("xmppfederation", federation, namespace);
	const conditions = live?.status?.conditions ?? [];
	const lines = conditions.map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`);
	if (lines.length === 0) lines.push(`federation ${federation} has no conditions yet: does the operator run?`);
	for (const pod of await gatewayPods(kubectl, namespace, federation)) {
		const ready = pod.status.conditions?.find(({ type }) => type === "Ready")?.status ?? "Unknown";
		lines.push(`pod ${pod.metadata.name}: Ready=${ready}`);
	}
	return lines.join("\n");
}

export async function rolledOut(kubectl: Kubectl, namespace: string, deployment: string): Promise<void> {
	await kubectl.run(["rollout", "status", `deployment/${deployment}`, "-n", namespace, "--timeout=120s"]);
}

/** Where servers in the cluster reach a Service. */
export async function clusterAddress(kubectl: Kubectl, namespace: string, service: string): Promise<string> {
	const address = (await kubectl.find<Service>("service", service, namespace))?.spec.clusterIP;
	if (address === undefined) throw new Error(`Service ${namespace}/${service} has no address`);
	return address;
}

/** Where clients reach an XMPP server. */
export async function clientAddress(
	kubectl: Kubectl,
	{ name, namespace }: Pick<XmppServer, "name" | "namespace">,
	signal?: AbortSignal,
): Promise<ClientAddress> {
	return { host: await loadBalancerAddress(kubectl, namespace, `${name}-clients`, signal), port: CLIENT_PORT };
}

/** The address that the cluster's load balancer gives a Service, waited for. */
export async function loadBalancerAddress(
	kubectl: Kubectl,
	namespace: string,
	service: string,
	signal?: AbortSignal,
): Promise<string> {
	return await until(
		`an address of Service ${namespace}/${service}`,
		async () =>
			(await kubectl.find<Service>("service", service, namespace))?.status?.loadBalancer?.ingress?.[0]?.ip ?? undefined,
		{ signal, remedy: "the cluster needs LoadBalancer Services; clusters of `npm run cluster` have them." },
	);
}
