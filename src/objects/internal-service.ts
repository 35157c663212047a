import type { FederationIntent, InternalServiceIntent } from "../model/intent.ts";
import { internalServiceName } from "../model/names.ts";
import { xmppServerPort } from "../model/ports.ts";
import { portNames } from "./gateway-ports.ts";
import { objectLabels, roleSelector } from "./labels.ts";
import { metadata } from "./metadata.ts";

/** Where the internal server sends what is for peers: 5269 of every router that is ready (R9). */
export function internalService(federation: FederationIntent) {
	const { annotations } = federation.internalService;
	const name = internalServiceName(federation.name);
	return {
		apiVersion: "v1" as const,
		kind: "Service" as const,
		metadata: metadata(federation, name, objectLabels(federation.name), { ...annotations }),
		spec: {
			...reachedFrom(federation.internalService),
			selector: roleSelector(federation.name, "gateway"),
			ports: [{ name: "xmpp-server", port: xmppServerPort, protocol: "TCP", targetPort: portNames.router }],
		},
	};
}

/**
 * How the Services that the internal server uses are reached. Local, because NetworkPolicies and logs see the address of
 * who connects with that only: with Cluster it is replaced by a machine's of the cluster.
 */
export function reachedFrom({ type, sourceRanges }: InternalServiceIntent) {
	if (type === "ClusterIP") return { type };
	return {
		type,
		externalTrafficPolicy: "Local" as const,
		...(sourceRanges.length > 0 && { loadBalancerSourceRanges: [...sourceRanges] }),
	};
}
