import { z } from "zod";
import { defaults } from "./defaults.ts";
import { dataKey, objectName, subdomain } from "./names.ts";
import { ruled } from "./rules.ts";

const issuerRef = z.object({
	name: objectName.meta({ description: "Name of the issuer." }),
	kind: z
		.enum(["Issuer", "ClusterIssuer"])
		.meta({
			description: "Issuer: in the same namespace. ClusterIssuer: of the whole Kubernetes cluster.",
			defaultsTo: defaults.issuerKind,
		})
		.exactOptional(),
	group: subdomain.meta({ description: "API group of the issuer.", defaultsTo: defaults.issuerGroup }).exactOptional(),
});

/** `spec.security.certificate`: where the certificate that peers see comes from. */
export const certificate = ruled(
	z.object({
		secretName: objectName
			.meta({
				description:
					"Name of a Secret of type kubernetes.io/tls in the same namespace (tls.crt: the whole chain, tls.key). Its " +
					"subjectAltName must have every domain of the federation, and its aliases.",
			})
			.exactOptional(),
		issuerRef: issuerRef
			.meta({
				description:
					"Issuer of cert-manager. The operator makes a Certificate with every domain of the federation and its aliases, and " +
					"uses what is issued for it.",
			})
			.exactOptional(),
	}),
	{
		cel: "has(self.secretName) != has(self.issuerRef)",
		holds: ({ secretName, issuerRef: issuer }) => (secretName === undefined) !== (issuer === undefined),
		message:
			"must have one of secretName (a certificate that you put in a Secret) and issuerRef (one that cert-manager issues)",
	},
);

/** Authorities in a ConfigMap. */
export const authoritiesRef = z.object({
	name: objectName.meta({ description: "Name of a ConfigMap in the same namespace." }),
	key: dataKey
		.meta({
			description: "Its key with the certificates of the authorities, PEM, up to 512 KiB.",
			defaultsTo: defaults.trustedCAsKey,
		})
		.exactOptional(),
});

/** `spec.security.trustedCAs`: whom certificates of peers are verified with. */
export const trustedCAs = ruled(
	z.object({
		configMapRef: authoritiesRef
			.meta({ description: "Authorities that are trusted beside the public ones, or instead of them." })
			.exactOptional(),
		systemRoots: z
			.boolean()
			.meta({ description: "Whether public authorities are trusted.", defaultsTo: defaults.systemRoots })
			.exactOptional(),
	}),
	{
		cel: "!has(self.systemRoots) || self.systemRoots || has(self.configMapRef)",
		holds: ({ systemRoots = true, configMapRef }) => systemRoots || configMapRef !== undefined,
		message: "without public authorities there must be others: set configMapRef, or leave systemRoots out",
		field: "systemRoots",
	},
);
