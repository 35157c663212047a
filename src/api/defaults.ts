/**
 * What holds where a field is absent. Not in the custom resource definition: a resource read back is what was applied.
 * The model fills these in; the descriptions that users read name the same values.
 */
export const defaults = {
	/** XMPP between servers (RFC 6120 section 14.7). */
	upstreamPort: 5269,
	/** R1. */
	federation: "Disabled",
	serviceType: "LoadBalancer",
	/** Keeps the peers' own addresses visible. Only where the Service's type has the field. */
	externalTrafficPolicy: "Local",
	internalServiceType: "ClusterIP",
	/** Of cert-manager. */
	issuerKind: "Issuer",
	issuerGroup: "cert-manager.io",
	/** As other programs call it. */
	trustedCAsKey: "ca.crt",
	systemRoots: true,
	resolverEnabled: false,
	networkPolicyEnabled: true,
	/** XMPP between servers (RFC 6120 section 14.7). */
	publicPort: 5269,
	/** Seconds: short enough to move to another address within minutes. */
	dnsTtl: 300,
	dnsPriority: 0,
	dnsWeight: 0,
	externalDNSEnabled: false,
	/** Long enough for streams with answers on their way, short enough for a node to be drained in a minute. */
	drainSeconds: 30,
	/** What holds where no FederationPolicy is in force. */
	defaultPolicy: "Allow",
	policyEnforcement: "Enforce",
	policyDirection: "Both",
	/** R4-R7. Certificates and SASL EXTERNAL only where there is TLS. */
	securityMode: "TLSRequired",
	peerCertificates: "Strict",
	saslExternal: "Offered",
	dialbackMode: "Enabled",
	platform: "Generic",
	/** Of a ChatNodeAlias. */
	exposure: "Shared",
	/** Absent: no limit. */
	limits: {
		/** 512 KiB, as most servers have it. */
		stanzaBytes: 524_288,
		incomingStreams: 2_500,
		outgoingStreams: 2_500,
		unauthenticatedStreams: 1_000,
		unauthenticatedStreamsPerAddress: 250,
		handshakeSeconds: 60,
	},
	/** An internal name must not come out because somebody was forgotten in a mapping. */
	unmappedUsers: "Refuse",
	ldapStartTLS: false,
	/** As in inetOrgPerson (RFC 2798). */
	ldapUserAttribute: "uid",
	ldapMailAttribute: "mail",
	/** Seconds. */
	ldapRefreshSeconds: 300,
	strategy: "Documented",
	imageUpdates: "Manual",
} as const;
