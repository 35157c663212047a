import type { FederationIntent, NodeAddressIntent } from "../model/intent.ts";
import { nodeServiceName, publicServiceName } from "../model/names.ts";
import { xmppServerPort } from "../model/ports.ts";
import { portNames } from "./gateway-ports.ts";
import { enabledSelector, type Labels, nodeSelectorLabels, objectLabels, publishedLabel } from "./labels.ts";
import { metadata } from "./metadata.ts";

/** Where peers come in: 5269 of every published Enabled node that is ready (R8). */
export function publicService(federation: FederationIntent) {
	return forPeers(federation, publicServiceName(federation.name), enabledSelector(federation.name), {
		port: xmppServerPort,
		annotations: {},
	});
}

/** Where peers come in at one node by itself (R12: several public addresses, or one with several ports). */
export function nodeService(federation: FederationIntent, address: NodeAddressIntent) {
	const selector = { ...enabledSelector(federation.name), ...nodeSelectorLabels(federation.name, address.node) };
	return forPeers(federation, nodeServiceName(federation.name, address.node), selector, address);
}

function forPeers(
	federation: FederationIntent,
	name: string,
	selector: Labels,
	{ port, annotations }: Pick<NodeAddressIntent, "port" | "annotations">,
) {
	const { service } = federation;
	const labels = { ...service.labels, ...objectLabels(federation.name) };
	return {
		apiVersion: "v1" as const,
		kind: "Service" as const,
		metadata: metadata(federation, name, labels, { ...service.annotations, ...annotations }),
		spec: {
			type: service.type,
			selector: { ...selector, [publishedLabel]: "true" },
			ports: [{ name: "xmpp-server", port, protocol: "TCP", targetPort: portNames.federation }],
			...(service.loadBalancerClass && { loadBalancerClass: service.loadBalancerClass }),
			...(service.externalTrafficPolicy && { externalTrafficPolicy: service.externalTrafficPolicy }),
			...(service.ipFamilyPolicy && { ipFamilyPolicy: service.ipFamilyPolicy }),
			...(service.sourceRanges.length > 0 && { loadBalancerSourceRanges: [...service.sourceRanges] }),
		},
	};
}
