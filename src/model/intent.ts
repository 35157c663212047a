import type { ImageSource } from "./kept-image.ts";
import type { RolloutOrders } from "./rollout-orders.ts";

/**
 * The intent: what one federation should be, with every default applied and every reference resolved.
 *
 * `model` makes it from resources; `gateway`, `objects`, `rollout` and `status` read it and nothing else. It holds no
 * secret: what a Secret contributes stands here as a keyed digest, so that a change of it is a change of intent.
 */

export interface HostPort {
	/** Fully qualified domain name without trailing dot, or an IP address. */
	readonly host: string;
	readonly port: number;
}

/** Where and how routers link to federation connection managers. */
export interface LinksIntent extends HostPort {
	/** Links are TLS, and both ends must have this name in their certificate. The certificates are not in the intent. */
	readonly tlsName: string;
}

export type FederationSwitch = "Enabled" | "Disabled";

/** Where a node's pod may run; copied to the pod template as it is. */
export interface PlacementIntent {
	readonly resources?: object;
	readonly nodeSelector?: Readonly<Record<string, string>>;
	readonly tolerations?: readonly object[];
	readonly affinity?: object;
	readonly priorityClassName?: string;
}

/** Whom federation connection managers let through (R11). */
export interface PolicyIntent {
	/** What holds for a peer that no exception is about. */
	readonly default: "Allow" | "Deny";
	/** Audit: what would be denied is counted and listed, and let through. */
	readonly enforcement: "Enforce" | "Audit";
	/** Number of exceptions. */
	readonly exceptions: number;
	/** SHA-256 (hexadecimal) of the texts that list them (`policy/lists.ts`), which are too long to stand here. */
	readonly lists: readonly string[];
}

/** One text of exceptions. */
export interface PolicyList {
	/** SHA-256 of the text, hexadecimal. */
	readonly digest: string;
	readonly text: string;
}

/** Keyed digests (HMAC-SHA256, hexadecimal) of the contents of the Secrets that a node's pod carries a copy of. */
export interface SecretDigests {
	readonly certificate: string;
	readonly dialback: string;
	readonly link: string;
	/** Of authorities that peers are verified with. Absent: none but the public ones. */
	readonly trustedCAs?: string;
}

/** How a peer and the gateway know each other (R4-R7). Certificates and SASL EXTERNAL are absent with NoTLS. */
export interface PeerSecurityIntent {
	readonly mode: "NoTLS" | "TLSOptional" | "TLSRequired";
	readonly peerCertificates?: "Strict" | "Opportunistic";
	readonly saslExternal?: {
		/** On streams that peers open. */
		readonly incoming: SaslUse;
		/** On streams to peers. */
		readonly outgoing: SaslUse;
	};
	readonly dialback: { readonly mode: "Enabled" | "Disabled" };
}

export type SaslUse = "Required" | "Offered" | "Disabled";

/** A public domain of a chat node (R10), as one node serves it. */
export interface AliasIntent {
	/** The internal server that has its rooms. */
	readonly upstream: HostPort;
	/** Whether the node is the chat node: what peers send to the alias goes through its router, and no other. */
	readonly here: boolean;
}

/** Of `spec.limits`, what the pod's memory limit follows. Absent: the default. */
export interface StreamsIntent {
	readonly incomingStreams?: number;
	readonly outgoingStreams?: number;
}

/** The rest of `spec.limits`. Absent: the default, which for rates and idle streams is no limit. */
export interface LimitsIntent {
	readonly stanzaBytes?: number;
	readonly stanzasPerSecond?: number;
	readonly streamsPerMinute?: number;
	readonly unauthenticatedStreams?: number;
	readonly unauthenticatedStreamsPerAddress?: number;
	readonly handshakeSeconds?: number;
	readonly idleSeconds?: number;
}

/**
 * Everything that decides what one node runs. Two nodes with equal intents run the same; a node restarts when its
 * intent changes and never otherwise. A field added here later must be absent while it has its default, or an upgrade
 * of the operator would change every intent and so restart every node.
 */
export interface NodeIntent {
	/** metadata.namespace and metadata.name of the XmppFederation. */
	readonly namespace: string;
	readonly federationName: string;
	/** Name of the node, unique in the federation. */
	readonly name: string;
	/** Enabled: router and federation connection manager. Disabled: router only (R1). */
	readonly federation: FederationSwitch;
	/** Whether peers are sent to this node (R8). Always false on a Disabled node. */
	readonly published: boolean;
	/**
	 * Names of all Enabled nodes of the federation, sorted. They are in no file of the node: they stand here so that
	 * enabling, disabling, adding or removing an Enabled node changes every node's intent and restarts every router (R16).
	 */
	readonly enabledNodes: readonly string[];
	/** Local XMPP domains in ASCII (A-label) lower case, `spec.domain` first. Never empty. */
	readonly domains: readonly string[];
	/** The internal server as this node reaches it. */
	readonly upstream: HostPort;
	/** The headless Service that has the address of every federation connection manager. */
	readonly links: LinksIntent;
	/** Gateway image. */
	readonly image: string;
	readonly placement: PlacementIntent;
	readonly secrets: SecretDigests;
	/** By domain, in ASCII lower case. Absent: none. */
	readonly aliases?: Readonly<Record<string, AliasIntent>>;
	/** Absent: everything is let through and nothing looked at. */
	readonly policy?: PolicyIntent;
	/** Users are known outside by their email addresses (R13). Absent: by their JIDs. */
	readonly emailAddresses?: true;
	/** Where there are email addresses: what holds for users who have none. */
	readonly unmappedUsers?: "Refuse" | "PassThrough";
	/** Peers are verified with the given authorities only. Absent: with public ones too. */
	readonly systemRoots?: false;
	/** Seconds for streams to end when the node stops. Absent: the default. */
	readonly drainSeconds?: number;
	/** For peers without an entry in `peers`. Absent: the defaults (`defaultSecurity({})`). */
	readonly security?: PeerSecurityIntent;
	/** By domain; with `*.` for that domain and all its subdomains. Absent: none. */
	readonly peers?: Readonly<Record<string, PeerSecurityIntent>>;
	/** Absent where every field of it would be. */
	readonly streams?: StreamsIntent;
	readonly limits?: LimitsIntent;
	/** Live: what `live.ts` lists changes while the node runs. Absent: Documented. */
	readonly strategy?: "Live";
	/** Aliases are among that. Absent: a change of them restarts the node, as it was at the node's last start. */
	readonly liveAliases?: true;
	/** When a restart of the node was last asked for (`RestartOrder.at`). Absent: never. */
	readonly requestedAt?: string;
}

export interface ServiceIntent {
	readonly type: "LoadBalancer" | "NodePort" | "ClusterIP";
	/** SRV target that peers are told. */
	readonly hostname?: string;
	readonly annotations: Readonly<Record<string, string>>;
	readonly labels: Readonly<Record<string, string>>;
	readonly loadBalancerClass?: string;
	readonly externalTrafficPolicy?: "Cluster" | "Local";
	readonly ipFamilyPolicy?: "SingleStack" | "PreferDualStack" | "RequireDualStack";
	readonly sourceRanges: readonly string[];
}

/** How peers reach one node by itself. */
export interface NodeAddressIntent {
	readonly node: string;
	/** SRV target, in lower case. */
	readonly hostname: string;
	/** What the name must resolve to. Absent: what the node's Service is given. */
	readonly ip?: string;
	readonly port: number;
	/** Of the node's Service, over those of the federation's. */
	readonly annotations: Readonly<Record<string, string>>;
}

/** A ChatNodeAlias that is served, as the federation has it. */
export interface FederationAlias {
	/** Name of the ChatNodeAlias. */
	readonly name: string;
	readonly domain: string;
	/** The chat node. */
	readonly node: string;
	readonly upstream: HostPort;
	/** How peers reach the chat node by itself. Absent: as they reach the federation. */
	readonly direct?: Omit<NodeAddressIntent, "node" | "annotations"> & { readonly service: ServiceIntent };
}

/** What SRV records say (RFC 2782), and who publishes them. */
export interface DnsIntent {
	/** Seconds. */
	readonly ttl: number;
	readonly priority: number;
	readonly weight: number;
	/** Of the DNSEndpoint that external-dns publishes. Absent: there is none. */
	readonly externalDNS?: {
		readonly annotations: Readonly<Record<string, string>>;
		readonly labels: Readonly<Record<string, string>>;
	};
}

/** Of the Services that the internal server uses. */
export interface InternalServiceIntent {
	readonly type: "LoadBalancer" | "ClusterIP";
	readonly annotations: Readonly<Record<string, string>>;
	readonly sourceRanges: readonly string[];
}

export interface NetworkPolicyIntent {
	/** NetworkPolicyPeers of the internal server. Absent: all. */
	readonly internal?: readonly object[];
	/** NetworkPolicyPeers that may read status and metrics, the operator first. Empty: nobody. */
	readonly monitoring: readonly object[];
}

export interface ResolverIntent {
	/** CoreDNS image. */
	readonly image: string;
	/**
	 * The internal Service that has the address of every router: SRV target for every domain that is not ours. Its name in
	 * the cluster, or what its load balancer gave it.
	 */
	readonly router: HostPort;
	/** Our own domains, aliases as well, and the internal server that has them. */
	readonly local: readonly { readonly domain: string; readonly upstream: HostPort }[];
}

export interface FederationIntent {
	readonly namespace: string;
	readonly name: string;
	/** metadata.uid of the XmppFederation. */
	readonly uid: string;
	readonly domains: readonly string[];
	readonly nodes: readonly NodeIntent[];
	/** Who chose the images of the nodes. */
	readonly imageFrom: ImageSource;
	/** The gateway image of this operator, whatever the nodes have. */
	readonly operatorImage: string;
	/** Names of the nodes whose upstream is their own, not the federation's: to name the right field where it changes. */
	readonly ownUpstreams: readonly string[];
	readonly orders: RolloutOrders;
	/** The lists that the nodes' policy names, as far as their texts are known. */
	readonly policyLists: readonly PolicyList[];
	/** Name of the FederationPolicy in force. Absent: there is none. */
	readonly policyName?: string;
	readonly service: ServiceIntent;
	/** Of published nodes that have an address of their own, in the order of `spec.nodes`. */
	readonly nodeAddresses: readonly NodeAddressIntent[];
	/** In the order of their age. Absent: none. */
	readonly aliases?: readonly FederationAlias[];
	readonly dns: DnsIntent;
	readonly internalService: InternalServiceIntent;
	/** Absent: no NetworkPolicies. */
	readonly networkPolicy?: NetworkPolicyIntent;
	/** Absent: no resolver. */
	readonly resolver?: ResolverIntent;
}
