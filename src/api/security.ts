import { z } from "zod";
import { objectName } from "./names.ts";
import { dialbackFields, peerSecurityFields, withSecurityRules } from "./peer-security.ts";

/** `spec.security`: how the gateway proves who it is, and what it demands of peers. */
export const security = withSecurityRules(
	z.object({
		...peerSecurityFields,
		certificate: z
			.object({
				secretName: objectName.meta({
					description:
						"Name of a Secret of type kubernetes.io/tls in the same namespace (tls.crt: the whole chain, tls.key).",
				}),
			})
			.meta({
				description: "Certificate that peers see. Its subjectAltName must have every domain of the federation.",
				defaultsTo: "a self-signed certificate, which many peers refuse",
			})
			.exactOptional(),
		dialback: z
			.object({
				...dialbackFields,
				secretRef: z
					.object({ name: objectName.meta({ description: "Name of the Secret." }) })
					.meta({
						description:
							"Secret in the same namespace, with the key secret: a random text of 16 bytes or more. It proves to peers that " +
							"all nodes are one server (XEP-0185).",
						defaultsTo: "a generated secret",
					})
					.exactOptional(),
			})
			.meta({ description: "Identification by DNS." })
			.exactOptional(),
	}),
);
