import { z } from "zod";
import { conditions, observedGeneration } from "./conditions.ts";
import type { Kind } from "./crd.ts";
import { defaults } from "./defaults.ts";
import { publicIp } from "./dns.ts";
import { federationRef } from "./federation-ref.ts";
import { apiVersion, group, version } from "./group.ts";
import { metadata } from "./metadata.ts";
import { dnsLabel, domainName, hostName, objectName, port } from "./names.ts";
import { ruled } from "./rules.ts";
import { aliasService, keepsLoadBalancerClass } from "./service.ts";
import { text } from "./text.ts";
import { upstream } from "./upstream.ts";
import { dnsRecord, endpoint } from "./xmpp-federation-status.ts";

const directFields = ["hostname", "ip", "publicPort", "service"] as const;

/** What a user writes. Absent fields mean `defaults`. */
export const chatNodeAliasSpec = ruled(
	z.object({
		federationRef,
		alias: domainName.meta({
			description:
				"The public domain of the chat node, such as conference-2.example.com, inside or outside the federation's " +
				"domains. Upper and lower case are the same.",
		}),
		node: dnsLabel(40).meta({
			description:
				"Name of the chat node: the node of the federation whose router takes what peers send to the alias to its " +
				"internal server.",
		}),
		upstream: upstream
			.meta({
				description: "The internal server that has the rooms of the alias.",
				defaultsTo: "that of the node",
			})
			.exactOptional(),
		exposure: z
			.enum(["Shared", "Direct"])
			.meta({
				description:
					"Shared: peers come in where they come in for the federation's domains, at any node. Direct: peers come in at the " +
					"chat node itself, which must be Enabled, by a Service of the alias.",
				defaultsTo: defaults.exposure,
			})
			.exactOptional(),
		hostname: hostName
			.meta({
				description:
					"Name that peers are told in the SRV record of a Direct alias. It must resolve to the address of the Service.",
			})
			.exactOptional(),
		ip: publicIp
			.meta({
				description:
					"Address that the hostname of a Direct alias must resolve to, such as that of a firewall which translates it to " +
					"the Service.",
				defaultsTo: "what the load balancer gives the Service",
			})
			.exactOptional(),
		publicPort: port
			.meta({
				description: "Port that peers connect to for a Direct alias, in the SRV record and at the Service.",
				defaultsTo: defaults.publicPort,
			})
			.exactOptional(),
		service: aliasService
			.meta({
				description: "The Service that peers of a Direct alias connect to.",
				defaultsTo: "spec.service of the XmppFederation",
			})
			.exactOptional(),
	}),
	{
		cel: "!has(self.exposure) || self.exposure != 'Direct' || has(self.hostname)",
		holds: ({ exposure, hostname }) => exposure !== "Direct" || hostname !== undefined,
		message: "a Direct alias needs a hostname: the name that peers are told in its SRV record",
		field: "hostname",
	},
	...directFields.map((field) => ({
		cel: `!has(self.${field}) || (has(self.exposure) && self.exposure == 'Direct')`,
		holds: (spec: { exposure?: string } & Partial<Record<typeof field, unknown>>) =>
			spec[field] === undefined || spec.exposure === "Direct",
		message: `${field} has an effect with exposure: Direct only: set that, or leave ${field} out`,
		field,
	})),
	keepsLoadBalancerClass,
).meta({ description: "A public domain of a chat node." });

/** What the operator reports. */
export const chatNodeAliasStatus = z
	.object({
		observedGeneration,
		conditions: conditions
			.meta({
				description:
					"Accepted: whether the alias is valid and served. Programmed: whether every node knows it, the chat node " +
					"can be reached, and the server of the rooms serves it.",
			})
			.exactOptional(),
		dnsRecords: z
			.array(dnsRecord)
			.max(256)
			.meta({
				description: "Records to publish in DNS, so that peers find the alias.",
				"x-kubernetes-list-type": "atomic",
			})
			.exactOptional(),
		zones: z
			.array(text(253))
			.max(126)
			.meta({
				description:
					"Zones that the records stand in, where a DNS server has one for each level: those between a domain of the " +
					"federation and a nested alias, the outermost first; of an alias outside the federation's domains, the domain above it.",
				"x-kubernetes-list-type": "atomic",
			})
			.exactOptional(),
		endpoints: z
			.array(endpoint)
			.max(64)
			.meta({ description: "Where peers reach a Direct alias.", "x-kubernetes-list-type": "atomic" })
			.exactOptional(),
	})
	.meta({ description: "What the operator reports." });

export type ChatNodeAliasSpec = z.infer<typeof chatNodeAliasSpec>;
export type ChatNodeAliasStatus = z.infer<typeof chatNodeAliasStatus>;

/** The whole resource without its status, which the operator itself writes. */
export const chatNodeAlias = z.object({
	apiVersion: z.literal(apiVersion),
	kind: z.literal("ChatNodeAlias"),
	metadata: metadata(objectName),
	spec: chatNodeAliasSpec,
});

export type ChatNodeAlias = z.infer<typeof chatNodeAlias> & { status?: ChatNodeAliasStatus };

export const chatNodeAliasResource = {
	apiVersion,
	kind: "ChatNodeAlias",
	plural: "chatnodealiases",
	namespaced: true,
} as const;

const ofCondition = (type: string, field: string) => `.status.conditions[?(@.type=="${type}")].${field}`;

export const chatNodeAliasKind: Kind = {
	group,
	version,
	kind: chatNodeAliasResource.kind,
	plural: chatNodeAliasResource.plural,
	singular: "chatnodealias",
	shortName: "xfa",
	description:
		"A public domain of a chat node of an XmppFederation. Of several with one alias the oldest is served, then the first by name.",
	columns: [
		{ name: "Alias", type: "string", jsonPath: ".spec.alias", description: "The domain that peers reach." },
		{ name: "Federation", type: "string", jsonPath: ".spec.federationRef.name", description: "The XmppFederation." },
		{ name: "Node", type: "string", jsonPath: ".spec.node", description: "The chat node." },
		{ name: "Exposure", type: "string", jsonPath: ".spec.exposure", description: "Shared (where empty) or Direct." },
		{
			name: "Accepted",
			type: "string",
			jsonPath: ofCondition("Accepted", "status"),
			description: "Whether it is valid and served.",
		},
		{
			name: "Programmed",
			type: "string",
			jsonPath: ofCondition("Programmed", "status"),
			description: "Whether every node knows it, and the chat node can be reached.",
		},
		{
			name: "Reason",
			type: "string",
			jsonPath: ofCondition("Programmed", "reason"),
			description: "Why it is programmed or not.",
			priority: 1,
		},
		{ name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since it was made." },
	],
	name: objectName,
	spec: chatNodeAliasSpec,
	status: chatNodeAliasStatus,
};
