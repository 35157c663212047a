import { z } from "zod";
import { objectName } from "./names.ts";

/** `spec.security`: how the gateway proves who it is. */
export const security = z.object({
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
			secretRef: z
				.object({ name: objectName.meta({ description: "Name of the Secret." }) })
				.meta({ description: "Secret in the same namespace, with the key secret: a random text of 16 bytes or more." }),
		})
		.meta({
			description: "Secret that proves to peers that all nodes are one server (XEP-0185).",
			defaultsTo: "a generated secret",
		})
		.exactOptional(),
});
