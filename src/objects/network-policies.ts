import { podLayout } from "../gateway/layout.ts";
import { resolverPorts } from "../gateway/resolver.ts";
import type { FederationIntent, NetworkPolicyIntent } from "../model/intent.ts";
import { gatewayNetworkPolicyName, resolverName } from "../model/names.ts";
import { type Labels, objectLabels, type Role, roleSelector } from "./labels.ts";
import { metadata } from "./metadata.ts";

const tcp = (...ports: number[]) => ports.map((port) => ({ protocol: "TCP", port }));
const udp = (...ports: number[]) => ports.map((port) => ({ protocol: "UDP", port }));

/** A rule's port is that of the pod behind a Service: OpenShift's DNS pods listen on 5353. */
const dnsPorts = [53, 5353];

/**
 * Who may connect to the federation's pods, and where they may connect to (decision 6). Ports are those of pods. What
 * comes from a pod's own machine, as the kubelet's probes, is never held up by a NetworkPolicy.
 */
export function networkPolicies(federation: FederationIntent) {
	const { networkPolicy, resolver } = federation;
	if (!networkPolicy) return [];
	return [gatewayPolicy(federation, networkPolicy), ...(resolver ? [resolverPolicy(federation, networkPolicy)] : [])];
}

function gatewayPolicy(federation: FederationIntent, { internal, monitoring }: NetworkPolicyIntent) {
	const gateways = roleSelector(federation.name, "gateway");
	const { federationPort, linkPort, routerPort, federationHttpPort, routerHttpPort } = podLayout;
	return policy(federation, gatewayNetworkPolicyName(federation.name), "gateway", gateways, {
		ingress: [
			// Peers are anywhere; a load balancer enforces spec.service.sourceRanges.
			{ ports: tcp(federationPort) },
			{ ports: tcp(linkPort), from: [{ podSelector: { matchLabels: gateways } }] },
			{ ports: tcp(routerPort), ...(internal && { from: internal }) },
			// Without a peer the rule would be for all.
			...(monitoring.length > 0 ? [{ ports: tcp(federationHttpPort, routerHttpPort), from: monitoring }] : []),
		],
		// A peer's SRV record may name any port, and the upstream's is another one behind its Service.
		egress: [{ ports: [{ protocol: "TCP" }, ...udp(...dnsPorts)] }],
	});
}

function resolverPolicy(federation: FederationIntent, { internal }: NetworkPolicyIntent) {
	const selector = roleSelector(federation.name, "resolver");
	return policy(federation, resolverName(federation.name), "resolver", selector, {
		ingress: [{ ports: [...udp(resolverPorts.dns), ...tcp(resolverPorts.dns)], ...(internal && { from: internal }) }],
		egress: [{ ports: [...udp(...dnsPorts), ...tcp(...dnsPorts)] }],
	});
}

function policy(
	federation: FederationIntent,
	name: string,
	role: Role,
	matchLabels: Labels,
	rules: { readonly ingress: readonly object[]; readonly egress: readonly object[] },
) {
	return {
		apiVersion: "networking.k8s.io/v1" as const,
		kind: "NetworkPolicy" as const,
		metadata: metadata(federation, name, objectLabels(federation.name, role)),
		spec: {
			podSelector: { matchLabels },
			policyTypes: ["Ingress", "Egress"],
			ingress: [...rules.ingress],
			egress: [...rules.egress],
		},
	};
}
