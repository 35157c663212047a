import type { FederationIntent } from "../model/intent.ts";
import { internalServiceName } from "../model/names.ts";
import { xmppServerPort } from "../model/ports.ts";
import { portNames } from "./gateway-ports.ts";
import { objectLabels, roleSelector } from "./labels.ts";
import { metadata } from "./metadata.ts";

/** Where the internal server sends what is for peers: 5269 of every router that is ready (R9). */
export function internalService(federation: FederationIntent) {
	return {
		apiVersion: "v1" as const,
		kind: "Service" as const,
		metadata: metadata(federation, internalServiceName(federation.name), objectLabels(federation.name)),
		spec: {
			type: "ClusterIP" as const,
			selector: roleSelector(federation.name, "gateway"),
			ports: [{ name: "xmpp-server", port: xmppServerPort, protocol: "TCP", targetPort: portNames.router }],
		},
	};
}
