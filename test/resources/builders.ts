import type { Resource } from "./cases.ts";

export type Fields = Readonly<Record<string, unknown>>;

export const upstream = { host: "xmpp.chat.svc" };
export const nodes = [{ name: "gw-1", federation: "Enabled" }];

/** The smallest resource with other fields in its spec; a field of value undefined is taken out. */
export function federation(spec: Fields = {}, name = "example"): Resource {
	const whole = Object.entries({ domain: "example.com", upstream, nodes, ...spec });
	return {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "XmppFederation",
		metadata: { name },
		spec: Object.fromEntries(whole.filter(([, value]) => value !== undefined)),
	};
}

export const withNode = (fields: Fields) => federation({ nodes: [{ name: "gw-1", federation: "Enabled", ...fields }] });
export const withToleration = (fields: Fields) => withNode({ tolerations: [fields] });
export const withLimits = (fields: Fields) => withNode({ resources: { limits: fields } });
export const withRequests = (fields: Fields) => withNode({ resources: { requests: fields } });
export const withService = (service: Fields) => federation({ service });
export const withInternalService = (internalService: Fields) => federation({ internalService });
export const withBounds = (limits: Fields) => federation({ limits });
export const withNetworkPeer = (list: "internal" | "monitoring", peer: Fields) =>
	federation({ networkPolicy: { [list]: [peer] } });
export const withSecurity = (security: Fields) => federation({ security });
export const withPeer = (peer: Fields) => federation({ peers: [{ domain: "peer.example", ...peer }] });
export const withHost = (host: unknown) => federation({ upstream: { host } });

/** A domain of the given length. */
export function longName(length: number): string {
	return `${"a.".repeat(length).slice(0, length - 3)}com`;
}
