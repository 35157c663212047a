import { z } from "zod";
import type { Kind } from "./crd.ts";
import { apiVersion, group, version } from "./group.ts";
import { metadata } from "./metadata.ts";
import { resourceName } from "./names.ts";
import { xmppFederationSpec } from "./xmpp-federation-spec.ts";
import { xmppFederationStatus } from "./xmpp-federation-status.ts";

export type XmppFederationSpec = z.infer<typeof xmppFederationSpec>;
export type XmppFederationNode = XmppFederationSpec["nodes"][number];
export type XmppFederationStatus = z.infer<typeof xmppFederationStatus>;

/** The whole resource without its status, which the operator itself writes. */
export const xmppFederation = z.object({
	apiVersion: z.literal(apiVersion),
	kind: z.literal("XmppFederation"),
	metadata: metadata(resourceName),
	spec: xmppFederationSpec,
});

export type XmppFederation = z.infer<typeof xmppFederation> & { status?: XmppFederationStatus };

export const xmppFederationResource = {
	apiVersion,
	kind: "XmppFederation",
	plural: "xmppfederations",
	namespaced: true,
} as const;

export const xmppFederationKind: Kind = {
	group,
	version,
	kind: xmppFederationResource.kind,
	plural: xmppFederationResource.plural,
	singular: "xmppfederation",
	shortName: "xf",
	description: "An XMPP federation edge: gateway nodes in front of the XMPP server that an organization has.",
	columns: [
		{ name: "Domain", type: "string", jsonPath: ".spec.domain", description: "The XMPP domain that peers reach." },
		{ name: "Nodes", type: "string", jsonPath: ".status.readyNodes", description: "Ready nodes of all." },
		{
			name: "Enabled",
			type: "integer",
			jsonPath: ".status.enabledNodes",
			description: "Nodes that exchange traffic with the internet.",
		},
		{
			name: "Policy",
			type: "string",
			jsonPath: ".status.policy",
			description: "The FederationPolicy in force, or what holds without one.",
		},
		{
			name: "Ready",
			type: "string",
			jsonPath: '.status.conditions[?(@.type=="Ready")].status',
			description: "Whether the federation works.",
		},
		{
			name: "Reason",
			type: "string",
			jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
			description: "Why it is ready or not.",
		},
		{
			name: "Upstream",
			type: "string",
			jsonPath: ".spec.upstream.host",
			description: "The internal XMPP server.",
			priority: 1,
		},
		{ name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since it was made." },
	],
	name: resourceName,
	spec: xmppFederationSpec,
	status: xmppFederationStatus,
};
