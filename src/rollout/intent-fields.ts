import { z } from "zod";
import { defaults } from "../api/defaults.ts";
import type { FederationIntent, NodeIntent, PolicyIntent, SecretDigests } from "../model/intent.ts";
import { defaultSecurity } from "../model/peer-security.ts";
import { orderAnnotations } from "../model/rollout-orders.ts";
import type { RestartReason } from "./reasons.ts";

/** How a change of a part of the intent is told. */
interface IntentField {
	readonly reason: RestartReason;
	/** Where a user finds what changed: a field of the resource, or words. */
	readonly field: (node: NodeIntent, federation: FederationIntent) => string;
	/** What is shown of a value; by default all of it. */
	readonly shown?: (value: unknown) => unknown;
	/** The old value says nothing. */
	readonly hidesOld?: true;
}

const ofNode = (part: string) => (node: NodeIntent) => `spec.nodes[${node.name}].${part}`;
/** Limits as they are in force, so that a change of one is told as that. */
const withDefaults = (limits: unknown) => ({ ...defaults.limits, ...(typeof limits === "object" ? limits : {}) });
const operators = (name: string) => ({ reason: "OperatorChanged" as const, field: () => name });

/**
 * Every field of a node's intent but its secrets, aliases and the Enabled nodes, which `causes.ts` takes apart, and
 * `liveAliases`, which changes only along with others. A field that has no
 * entry here does not compile, so that no restart goes unexplained.
 */
export const intentFields: Readonly<
	Record<Exclude<keyof NodeIntent, "secrets" | "aliases" | "liveAliases" | "enabledNodes">, IntentField>
> = {
	// These name the node: they never differ between what it runs and what it should run.
	namespace: operators("metadata.namespace"),
	federationName: operators("metadata.name"),
	name: operators("spec.nodes[].name"),
	// Set by the operator's --cluster-domain; the TLS name by the names of federation and namespace.
	links: operators("address of the links Service"),
	federation: { reason: "FederationToggled", field: ofNode("federation") },
	published: { reason: "PublishedChanged", field: ofNode("published") },
	domains: {
		reason: "DomainsChanged",
		field: () => "spec.additionalDomains",
		shown: (domains) => (Array.isArray(domains) ? domains.slice(1) : domains),
	},
	upstream: {
		reason: "UpstreamChanged",
		field: (node, { ownUpstreams }) =>
			ownUpstreams.includes(node.name) ? `spec.nodes[${node.name}].upstream` : "spec.upstream",
	},
	policy: {
		reason: "PolicyChanged",
		field: (_node, { policyName }) => (policyName === undefined ? "policy" : `FederationPolicy ${policyName}: spec`),
		shown: shownPolicy,
	},
	image: {
		reason: "ImageChanged",
		field: (_node, { imageFrom }) => (imageFrom === "Spec" ? "spec.image" : "gateway image of the operator"),
	},
	systemRoots: {
		reason: "TrustedCAsChanged",
		field: () => "spec.security.trustedCAs.systemRoots",
		shown: (roots) => roots ?? defaults.systemRoots,
	},
	drainSeconds: {
		reason: "RolloutChanged",
		field: () => "spec.rollout.drainSeconds",
		shown: (seconds) => seconds ?? defaults.drainSeconds,
	},
	security: {
		reason: "SecurityChanged",
		field: () => "spec.security",
		shown: (security) => security ?? defaultSecurity({}),
	},
	emailAddresses: {
		reason: "EmailAddressesChanged",
		field: () => "spec.emailAddresses",
		shown: (on) => (on === true ? "on" : "off"),
	},
	unmappedUsers: { reason: "UnmappedUsersChanged", field: () => "spec.emailAddresses.unmappedUsers" },
	peers: { reason: "PeerChanged", field: () => "spec.peers", shown: shownPeers },
	streams: { reason: "PlacementChanged", field: () => "spec.limits", shown: (streams) => withDefaults(streams) },
	limits: { reason: "LimitsChanged", field: () => "spec.limits", shown: (limits) => withDefaults(limits) },
	strategy: {
		reason: "RolloutChanged",
		field: () => "spec.rollout.strategy",
		shown: (strategy) => strategy ?? defaults.strategy,
	},
	requestedAt: {
		reason: "Requested",
		field: () => `metadata.annotations[${orderAnnotations.restart}]`,
		hidesOld: true,
	},
	placement: { reason: "PlacementChanged", field: ({ name }) => `spec.nodes[${name}]` },
};

/** As they stand in the resource, by domain. */
function shownPeers(peers: unknown): unknown {
	return Object.fromEntries(Object.entries(peers ?? {}).map(([domain, security]) => [domain, { security }]));
}

/** Digests of secrets: that they changed is told, never what they are. */
export const secretFields: Readonly<Record<keyof SecretDigests, { reason: RestartReason; field: string }>> = {
	certificate: { reason: "CertificateChanged", field: "spec.security.certificate" },
	dialback: { reason: "DialbackSecretChanged", field: "spec.security.dialback" },
	link: { reason: "LinkSecretChanged", field: "generated link secret" },
	trustedCAs: { reason: "TrustedCAsChanged", field: "spec.security.trustedCAs" },
};

const policyIntent = z.object({
	default: z.string(),
	enforcement: z.string(),
	exceptions: z.number(),
	lists: z.array(z.string()),
});

/** Lists are known by their digests only, of which a few digits tell one from another. */
function shownPolicy(value: unknown): unknown {
	const { data } = policyIntent.safeParse(value ?? allowAll);
	if (!data) return value;
	const digits = data.lists.map((digest) => digest.slice(0, 8)).join(", ");
	return { ...data, lists: undefined, exceptions: data.exceptions === 0 ? "none" : `${data.exceptions} (${digits})` };
}

/** What holds where a node has no policy. */
const allowAll: PolicyIntent = { default: "Allow", enforcement: "Enforce", exceptions: 0, lists: [] };
