import { z } from "zod";
import { conditions, observedGeneration } from "./conditions.ts";
import type { Kind } from "./crd.ts";
import { defaults } from "./defaults.ts";
import { federationRef } from "./federation-ref.ts";
import { apiVersion, group, version } from "./group.ts";
import { mapBy } from "./lists.ts";
import { metadata } from "./metadata.ts";
import { objectName, writtenDomainPattern } from "./names.ts";
import { ruled } from "./rules.ts";
import { text } from "./text.ts";

/** What a policy lets through where no exception says otherwise. */
export const policyDefault = z.enum(["Allow", "Deny"]);

/** Most domains that a policy may have, those of its lists counted. */
export const mostPolicyDomains = 100_000;

const direction = z
	.enum(["Both", "Incoming", "Outgoing"])
	.meta({
		description:
			"What the exception is about: what the domain sends (Incoming), what is sent to it (Outgoing), or Both.",
		defaultsTo: defaults.policyDirection,
	})
	.exactOptional();

const exceptions = mapBy(
	"domain",
	z.object({
		domain: writtenDomainPattern.meta({
			description:
				"A peer's domain: example.com, or *.example.com for example.com and every domain below it. The most specific " +
				"counts. Upper and lower case are the same, and so are an internationalized label and its xn-- form.",
		}),
		direction,
	}),
	{ min: 0, max: 2_000, noun: "exception" },
);

const exceptionsFrom = ruled(
	z
		.array(
			z.object({
				configMapRef: z.object({ name: objectName.meta({ description: "Name of the ConfigMap." }) }).meta({
					description:
						"ConfigMap in the same namespace. Every key of its data is a text with one domain a line, as in exceptions; " +
						"what follows a # is a comment.",
				}),
				direction,
			}),
		)
		.max(8)
		.meta({ "x-kubernetes-list-type": "atomic" }),
	{
		cel: "self.all(a, self.exists_one(b, a.configMapRef.name == b.configMapRef.name))",
		holds: (list) => new Set(list.map(({ configMapRef }) => configMapRef.name)).size === list.length,
		message: "has a ConfigMap twice: keep one (direction Both for both directions)",
	},
);

/** What a user writes. Absent fields mean `defaults`. */
export const federationPolicySpec = z
	.object({
		federationRef,
		default: policyDefault.meta({
			description:
				"What holds for a peer that no exception names. An exception to Allow denies, an exception to Deny allows.",
		}),
		enforcement: z
			.enum(["Enforce", "Audit"])
			.meta({
				description: "Audit: nothing is denied; the gateways count and list what would have been.",
				defaultsTo: defaults.policyEnforcement,
			})
			.exactOptional(),
		exceptions: exceptions
			.meta({ description: "Domains for which the other of Allow and Deny holds. They count before exceptionsFrom." })
			.exactOptional(),
		exceptionsFrom: exceptionsFrom
			.meta({ description: "The same from ConfigMaps, for long lists: 100,000 domains in all." })
			.exactOptional(),
	})
	.meta({ description: "Whom the federation exchanges messages with." });

const nodes = z.int().min(0).max(64);

/** What the operator reports. */
export const federationPolicyStatus = z
	.object({
		observedGeneration,
		conditions: conditions
			.meta({
				description:
					"Accepted: whether the policy is valid and the one in force. Programmed: whether every node enforces it.",
			})
			.exactOptional(),
		exceptions: z
			.int()
			.min(0)
			.max(mostPolicyDomains)
			.meta({ description: "Number of domains that are exceptions, those of lists counted." })
			.exactOptional(),
		digest: text(64)
			.meta({ description: "Names what the gateways are to enforce; each reports what it enforces in its /status." })
			.exactOptional(),
		programmedNodes: nodes.meta({ description: "Number of nodes that enforce it." }).exactOptional(),
		nodes: nodes.meta({ description: "Number of nodes that are to enforce it." }).exactOptional(),
	})
	.meta({ description: "What the operator reports." });

export type FederationPolicySpec = z.infer<typeof federationPolicySpec>;
export type FederationPolicyStatus = z.infer<typeof federationPolicyStatus>;

/** The whole resource without its status, which the operator itself writes. */
export const federationPolicy = z.object({
	apiVersion: z.literal(apiVersion),
	kind: z.literal("FederationPolicy"),
	metadata: metadata(objectName),
	spec: federationPolicySpec,
});

export type FederationPolicy = z.infer<typeof federationPolicy> & { status?: FederationPolicyStatus };

export const federationPolicyResource = {
	apiVersion,
	kind: "FederationPolicy",
	plural: "federationpolicies",
	namespaced: true,
} as const;

const ofCondition = (type: string, field: string) => `.status.conditions[?(@.type=="${type}")].${field}`;

export const federationPolicyKind: Kind = {
	group,
	version,
	kind: federationPolicyResource.kind,
	plural: federationPolicyResource.plural,
	singular: "federationpolicy",
	shortName: "xfp",
	description:
		"Whom an XmppFederation exchanges messages with. Of several for one federation the oldest is in force, then the first by name.",
	columns: [
		{ name: "Federation", type: "string", jsonPath: ".spec.federationRef.name", description: "The XmppFederation." },
		{ name: "Default", type: "string", jsonPath: ".spec.default", description: "What holds without an exception." },
		{ name: "Enforcement", type: "string", jsonPath: ".spec.enforcement", description: "Enforce or Audit." },
		{ name: "Exceptions", type: "integer", jsonPath: ".status.exceptions", description: "Number of domains." },
		{
			name: "Accepted",
			type: "string",
			jsonPath: ofCondition("Accepted", "status"),
			description: "Whether it is valid and the one in force.",
		},
		{
			name: "Programmed",
			type: "string",
			jsonPath: ofCondition("Programmed", "status"),
			description: "Whether every node enforces it.",
		},
		{
			name: "Reason",
			type: "string",
			jsonPath: ofCondition("Accepted", "reason"),
			description: "Why it is accepted or not.",
			priority: 1,
		},
		{ name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since it was made." },
	],
	name: objectName,
	spec: federationPolicySpec,
	status: federationPolicyStatus,
};
