import type { FederationIntent } from "../model/intent.ts";
import { publicServiceName } from "../model/names.ts";
import { xmppServerPort } from "../model/ports.ts";
import { portNames } from "./gateway-ports.ts";
import { enabledSelector, objectLabels, publishedLabel } from "./labels.ts";
import { metadata } from "./metadata.ts";

/** Where peers come in: 5269 of every published Enabled node that is ready (R8). */
export function publicService(federation: FederationIntent) {
	const { service } = federation;
	const labels = { ...service.labels, ...objectLabels(federation.name) };
	return {
		apiVersion: "v1" as const,
		kind: "Service" as const,
		metadata: metadata(federation, publicServiceName(federation.name), labels, { ...service.annotations }),
		spec: {
			type: service.type,
			selector: { ...enabledSelector(federation.name), [publishedLabel]: "true" },
			ports: [{ name: "xmpp-server", port: xmppServerPort, protocol: "TCP", targetPort: portNames.federation }],
			...(service.loadBalancerClass && { loadBalancerClass: service.loadBalancerClass }),
			...(service.externalTrafficPolicy && { externalTrafficPolicy: service.externalTrafficPolicy }),
			...(service.ipFamilyPolicy && { ipFamilyPolicy: service.ipFamilyPolicy }),
			...(service.sourceRanges.length > 0 && { loadBalancerSourceRanges: [...service.sourceRanges] }),
		},
	};
}
