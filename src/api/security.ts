import { z } from "zod";
import { certificate, trustedCAs } from "./certificates.ts";
import { objectName } from "./names.ts";
import { dialbackFields, federationFallbacks, peerSecurityFields, withSecurityRules } from "./peer-security.ts";

/** `spec.security`: how the gateway proves who it is, and what it demands of peers. */
export const security = withSecurityRules(
	z.object({
		...peerSecurityFields(federationFallbacks),
		certificate: certificate
			.meta({
				description: "Certificate that peers see.",
				defaultsTo: "a self-signed certificate, which many peers refuse",
			})
			.exactOptional(),
		trustedCAs: trustedCAs
			.meta({
				description: "Authorities that certificates of peers are verified with, in both directions.",
				defaultsTo: "public authorities",
			})
			.exactOptional(),
		dialback: z
			.object({
				...dialbackFields(federationFallbacks),
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
