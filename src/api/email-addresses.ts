import { z } from "zod";
import { authoritiesRef } from "./certificates.ts";
import { defaults } from "./defaults.ts";
import { dataKey, objectName } from "./names.ts";
import { matching, ruled } from "./rules.ts";
import { text } from "./text.ts";

/** Most people that can have an address, those of all sources counted. */
export const mostMappings = 100_000;

const key = dataKey
	.meta({ description: "Key of the text with the mapping.", defaultsTo: "every key, in the order of their names" })
	.exactOptional();

const mappingRef = ruled(
	z.object({
		configMapRef: z
			.object({ name: objectName.meta({ description: "Name of a ConfigMap in the same namespace." }), key })
			.meta({ description: "The mapping in a ConfigMap." })
			.exactOptional(),
		secretRef: z
			.object({ name: objectName.meta({ description: "Name of a Secret in the same namespace." }), key })
			.meta({ description: "The mapping in a Secret." })
			.exactOptional(),
	}),
	{
		cel: "has(self.configMapRef) != has(self.secretRef)",
		holds: ({ configMapRef, secretRef }) => (configMapRef === undefined) !== (secretRef === undefined),
		message: "must have one of configMapRef and secretRef",
	},
);

const mappingRefs = z.array(mappingRef).min(1).max(16).meta({ "x-kubernetes-list-type": "atomic" });

const label = "[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?";
const url = ruled(
	text(300, 1),
	matching(
		`^ldaps?://(${label}(\\.${label})*|\\[[0-9A-Fa-f:.]{2,45}\\])(:[1-9][0-9]{0,4})?$`,
		"must be the URL of a directory such as ldaps://ldap.example.com or ldap://10.0.3.7:389: no path and no '/' at the " +
			"end; an IPv6 address stands in brackets",
	),
);

const attribute = ruled(
	text(64, 1),
	matching("^[A-Za-z][-A-Za-z0-9]*$", "must be the name of an attribute such as mail: letters, digits and hyphens"),
);

const filter = ruled(
	text(1024, 1),
	matching(
		"^\\([\\s\\S]+\\)$",
		"must be an LDAP filter such as (&(objectClass=person)(mail=*)), in parentheses as a whole (RFC 4515)",
	),
);

const ldap = ruled(
	z.object({
		url: url.meta({ description: "The directory: ldaps://HOST, or ldap://HOST; with :PORT where it is another." }),
		startTLS: z
			.boolean()
			.meta({ description: "Whether TLS begins on the connection of ldap://.", defaultsTo: defaults.ldapStartTLS })
			.exactOptional(),
		baseDN: text(1024, 1).meta({ description: "Where people are: everything below it is searched." }),
		filter: filter
			.meta({ description: "Which entries are people with an address.", defaultsTo: "those that have both attributes" })
			.exactOptional(),
		userAttribute: attribute
			.meta({
				description: "Attribute with the user: the part before the @ in spec.domain, or a whole address of XMPP.",
				defaultsTo: defaults.ldapUserAttribute,
			})
			.exactOptional(),
		mailAttribute: attribute
			.meta({
				description: "Attribute with the email address. Of several values the one counts that is of a local domain.",
				defaultsTo: defaults.ldapMailAttribute,
			})
			.exactOptional(),
		bindSecretRef: z
			.object({
				name: objectName.meta({
					description:
						"Name of a Secret in the same namespace, with the keys username (a DN), password, and url: the directory that " +
						"they are for, as it stands in the url here.",
				}),
			})
			.meta({ description: "Whom the directory knows the operator as.", defaultsTo: "it is asked as anonymous" })
			.exactOptional(),
		trustedCAs: z
			.object({ configMapRef: authoritiesRef.meta({ description: "The authorities." }) })
			.meta({
				description: "Authorities that the directory's certificate is verified with.",
				defaultsTo: "the public ones",
			})
			.exactOptional(),
		refreshSeconds: z
			.int()
			.min(10)
			.max(86_400)
			.meta({
				description: "Seconds between two looks into the directory; up to a tenth more or less.",
				defaultsTo: defaults.ldapRefreshSeconds,
			})
			.exactOptional(),
	}),
	{
		cel: "!has(self.startTLS) || !self.startTLS || self.url.startsWith('ldap://')",
		holds: ({ startTLS, url: address }) => startTLS !== true || address.startsWith("ldap://"),
		message: "ldaps:// is TLS from its beginning: leave startTLS out, or use ldap://",
		field: "startTLS",
	},
	{
		cel: "!has(self.trustedCAs) || self.url.startsWith('ldaps://') || (has(self.startTLS) && self.startTLS)",
		holds: ({ trustedCAs, startTLS, url: address }) =>
			trustedCAs === undefined || startTLS === true || address.startsWith("ldaps://"),
		message: "without TLS there is no certificate to verify: use ldaps:// or startTLS, or leave trustedCAs out",
		field: "trustedCAs",
	},
);

/** `spec.emailAddresses`: federated contacts see and use the email address of a user instead of the internal one (R13). */
export const emailAddresses = ruled(
	z.object({
		mappingRefs: mappingRefs
			.meta({
				description:
					"Texts with one `user = address` a line; what follows a # is a comment. A user is the part before the @ in " +
					"spec.domain, or a whole address; an address is one of a local domain.",
			})
			.exactOptional(),
		ldap: ldap.meta({ description: "The same from a directory. It counts beside mappingRefs." }).exactOptional(),
		unmappedUsers: z
			.enum(["Refuse", "PassThrough"])
			.meta({
				description:
					"Users without an address. Refuse: they exchange nothing with other domains. PassThrough: they do so under their " +
					"own name.",
				defaultsTo: defaults.unmappedUsers,
			})
			.exactOptional(),
	}),
	{
		cel: "has(self.mappingRefs) || has(self.ldap)",
		holds: ({ mappingRefs: refs, ldap: directory }) => refs !== undefined || directory !== undefined,
		message: "must have mappingRefs or ldap, or both: without a mapping nobody has an address",
	},
);

export type EmailAddressesSpec = z.infer<typeof emailAddresses>;
export type LdapSpec = z.infer<typeof ldap>;
