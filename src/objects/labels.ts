import type { FederationSwitch } from "../model/intent.ts";

export const managedBy = "xmpp-federation-operator";
/** Selects everything that the operator made; the operator's caches hold nothing else. */
export const managedSelector = `app.kubernetes.io/managed-by=${managedBy}`;

export const federationLabel = "xmppfed.dev/federation";
export const nodeLabel = "xmppfed.dev/node";
export const roleLabel = "xmppfed.dev/role";
/** `Enabled` or `Disabled`, on gateway pods: whether the pod runs a federation connection manager. */
export const switchLabel = "xmppfed.dev/node-federation";
/** `true` or `false`, on gateway pods: whether the public Service sends peers here. */
export const publishedLabel = "xmppfed.dev/published";

export type Role = "gateway" | "resolver";
export type Labels = Record<string, string>;

/** Labels of every object of a federation. */
export function objectLabels(federation: string, component: Role | "federation" = "federation"): Labels {
	return {
		"app.kubernetes.io/name": "xmpp-federation",
		"app.kubernetes.io/instance": federation,
		"app.kubernetes.io/component": component,
		"app.kubernetes.io/managed-by": managedBy,
		[federationLabel]: federation,
	};
}

/** Labels as the API takes them to select by: `KEY=VALUE,...`. */
export function selectorText(labels: Labels): string {
	return Object.entries(labels)
		.map(([key, value]) => `${key}=${value}`)
		.join(",");
}

/** Selects the pods of a role. Part of immutable selectors: never change it. */
export function roleSelector(federation: string, role: Role): Labels {
	return { [federationLabel]: federation, [roleLabel]: role };
}

/** Selects the pods of one node. Part of an immutable selector: never change it. */
export function nodeSelectorLabels(federation: string, node: string): Labels {
	return { ...roleSelector(federation, "gateway"), [nodeLabel]: node };
}

/** Selects the pods that run a federation connection manager. */
export function enabledSelector(federation: string): Labels {
	const enabled: FederationSwitch = "Enabled";
	return { ...roleSelector(federation, "gateway"), [switchLabel]: enabled };
}
