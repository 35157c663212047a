import type { Kubectl, KubernetesObject } from "./kubectl.ts";

/** HTTP ports of a gateway pod, see podLayout in src/gateway/layout.ts. */
const ports = { federation: 9269, router: 9270 } as const;

export type GatewayRole = keyof typeof ports;

/** What a process of a node says of a stream (mod_xmppfed_status). */
export interface Stream {
	readonly peer?: string;
	readonly local?: string;
	readonly direction: "incoming" | "outgoing";
	readonly state: "Authenticated" | "Negotiating";
	readonly tls?: { readonly version: string; readonly cipher: string };
	readonly authentication?: "SASL EXTERNAL" | "dialback in TLS" | "dialback";
}

export interface Link {
	readonly domain: string;
	readonly node?: string;
	readonly address: string;
	readonly state: "Up" | "Down" | "Draining";
	/** Stanzas. */
	readonly sent: number;
	/** Stanzas; a router says this. */
	readonly received?: number;
	readonly since?: string;
	readonly tls?: { readonly version: string };
}

/** A peer that a policy in Audit would have denied something, in stanzas (mod_xmppfed_policy). */
export interface WouldDeny {
	readonly peer: string;
	readonly incoming: number;
	readonly outgoing: number;
}

export interface GatewayStatus {
	readonly node: string;
	readonly role: GatewayRole;
	readonly streams: readonly Stream[];
	readonly links: readonly Link[];
	/** Of a federation connection manager that has one. */
	readonly policy?: { readonly digest?: string; readonly wouldDeny?: readonly WouldDeny[] };
	/** What new links are secured with. */
	readonly linkCertificate: { readonly notAfter?: string; readonly failure?: string };
}

export interface GatewayPod extends KubernetesObject {
	readonly status: {
		readonly podIP?: string;
		readonly conditions?: readonly { readonly type: string; readonly status: string }[];
		readonly containerStatuses?: readonly { readonly name: string; readonly restartCount: number }[];
	};
	readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
}

/** The gateway pods of a federation that are not being deleted, in order of their nodes. */
export async function gatewayPods(
	kubectl: Kubectl,
	namespace: string,
	federation: string,
): Promise<readonly GatewayPod[]> {
	const selector = `xmppfed.dev/federation=${federation},xmppfed.dev/role=gateway`;
	const pods = await kubectl.list<GatewayPod>("pods", namespace, selector);
	return pods
		.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
		.toSorted((a, b) => nodeOf(a).localeCompare(nodeOf(b)));
}

export function nodeOf({ metadata }: KubernetesObject): string {
	return metadata.labels?.["xmppfed.dev/node"] ?? "";
}

/** What that process of each node says of itself; nodes without it are left out. */
export async function gatewayStatuses(
	kubectl: Kubectl,
	namespace: string,
	federation: string,
	role: GatewayRole,
): Promise<readonly GatewayStatus[]> {
	const pods = await gatewayPods(kubectl, namespace, federation);
	const withRole = pods.filter(({ spec }) => spec.containers.some(({ name }) => name === role));
	return await Promise.all(
		withRole.map(({ metadata }) => kubectl.askPod<GatewayStatus>(namespace, metadata.name, ports[role], "/status")),
	);
}
