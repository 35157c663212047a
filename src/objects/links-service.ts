import type { FederationIntent } from "../model/intent.ts";
import { linksServiceName } from "../model/names.ts";
import { linkPort } from "../model/ports.ts";
import { portNames } from "./gateway-ports.ts";
import { enabledSelector, objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";

/**
 * Gives routers the address of every federation connection manager, headless and with those that are not ready: one
 * becomes ready only by the links that routers open to it, and a draining one still delivers through its links.
 */
export function linksService(federation: FederationIntent) {
	return {
		apiVersion: "v1" as const,
		kind: "Service" as const,
		metadata: metadata(federation, linksServiceName(federation.name), objectLabels(federation.name)),
		spec: {
			type: "ClusterIP" as const,
			clusterIP: "None",
			publishNotReadyAddresses: true,
			selector: enabledSelector(federation.name),
			ports: [{ name: portNames.link, port: linkPort, protocol: "TCP", targetPort: portNames.link }],
		},
	};
}
