import type { FederationAlias, FederationIntent, NodeAddressIntent, ServiceIntent } from "../model/intent.ts";
import { aliasServiceName, nodeServiceName, publicServiceName } from "../model/names.ts";
import { xmppServerPort } from "../model/ports.ts";
import { portNames } from "./gateway-ports.ts";
import { enabledSelector, type Labels, nodeSelectorLabels, objectLabels, publishedLabel } from "./labels.ts";
import { metadata } from "./metadata.ts";

/** Where peers come in: 5269 of every published Enabled node that is ready (R8). */
export function publicService(federation: FederationIntent) {
	return forPeers(federation, publicServiceName(federation.name), publishedSelector(enabledSelector(federation.name)), {
		port: xmppServerPort,
	});
}

/** Where peers come in at one node by itself (R12: several public addresses, or one with several ports). */
export function nodeService(federation: FederationIntent, address: NodeAddressIntent) {
	const selector = publishedSelector(enabledNodeSelector(federation.name, address.node));
	return forPeers(federation, nodeServiceName(federation.name, address.node), selector, address);
}

/**
 * Where peers of a Direct alias come in: at its chat node, whether that is published or not (R10). Undefined for one that
 * is Shared.
 */
export function aliasService(federation: FederationIntent, { name, node, direct }: FederationAlias) {
	if (!direct) return undefined;
	const selector = enabledNodeSelector(federation.name, node);
	return forPeers(federation, aliasServiceName(federation.name, name), selector, direct);
}

function enabledNodeSelector(federation: string, node: string): Labels {
	return { ...enabledSelector(federation), ...nodeSelectorLabels(federation, node) };
}

function publishedSelector(selector: Labels): Labels {
	return { ...selector, [publishedLabel]: "true" };
}

function forPeers(
	federation: FederationIntent,
	name: string,
	selector: Labels,
	{
		port,
		annotations = {},
		service = federation.service,
	}: Pick<NodeAddressIntent, "port"> & {
		readonly annotations?: NodeAddressIntent["annotations"];
		readonly service?: ServiceIntent;
	},
) {
	const labels = { ...service.labels, ...objectLabels(federation.name) };
	return {
		apiVersion: "v1" as const,
		kind: "Service" as const,
		metadata: metadata(federation, name, labels, { ...service.annotations, ...annotations }),
		spec: {
			type: service.type,
			selector,
			ports: [{ name: "xmpp-server", port, protocol: "TCP", targetPort: portNames.federation }],
			...(service.loadBalancerClass && { loadBalancerClass: service.loadBalancerClass }),
			...(service.externalTrafficPolicy && { externalTrafficPolicy: service.externalTrafficPolicy }),
			...(service.ipFamilyPolicy && { ipFamilyPolicy: service.ipFamilyPolicy }),
			...(service.sourceRanges.length > 0 && { loadBalancerSourceRanges: [...service.sourceRanges] }),
		},
	};
}
