/**
 * Why streams with peers fail: every code that a gateway's /status and metrics tell, in words, with what to do about it.
 * Which code a failure has is found out in deploy/gateway/modules/xmppfed_cause.lib.lua, which has the same list.
 */
export interface CauseText {
	readonly group: "DNS" | "Connection" | "Stream" | "TLS" | "Certificate" | "Authentication" | "Refusal";
	/** One sentence without its subject's name: "the peer" is who it is about. */
	readonly meaning: string;
	readonly remedy: string;
}

export const failureCauses = {
	NameNotFound: {
		group: "DNS",
		meaning: "The peer's domain has no SRV record for XMPP servers and no address.",
		remedy:
			"Look for a spelling mistake in the domain. Else the peer must publish _xmpp-server._tcp.DOMAIN. Behind a split DNS: does the pod's DNS see the public records?",
	},
	ServiceNotOffered: {
		group: "DNS",
		meaning: 'The peer\'s SRV record has the target ".": it says that it has no XMPP server.',
		remedy: "Ask the peer whether it federates by XMPP at all, and under which domain.",
	},
	TargetNotFound: {
		group: "DNS",
		meaning: "The server that the peer's SRV record names has no address.",
		remedy: "The peer must publish an A or AAAA record for that name, or correct the SRV record.",
	},
	DNSFailed: {
		group: "DNS",
		meaning: "DNS gave no usable answer.",
		remedy:
			"Look up the name in the detail from a pod. If other names fail too, mend the cluster's DNS; else the peer's name servers do not answer, or its DNSSEC is broken.",
	},
	ConnectionRefused: {
		group: "Connection",
		meaning: "The peer's machine refuses connections at the port.",
		remedy: "The peer's server is not running, or listens on another port than its SRV record says.",
	},
	ConnectionTimeout: {
		group: "Connection",
		meaning: "Nobody answers at the peer's address.",
		remedy:
			"Look at the firewalls at both ends: TCP 5269, or the port of the SRV record, must be open outwards here and inwards there.",
	},
	Unreachable: {
		group: "Connection",
		meaning: "There is no way to the peer's address.",
		remedy: "Look at routes and NetworkPolicies. For an IPv6 address: has the cluster IPv6 to the internet?",
	},
	StreamNotAnswered: {
		group: "Stream",
		meaning: "The peer takes the connection and does not open a stream.",
		remedy:
			"Does an XMPP server listen for other servers there, not a web server or the port for clients? Does a load balancer in front of it wait for TLS?",
	},
	NotXMPP: {
		group: "Stream",
		meaning: "What the peer sends is not XMPP, or not well-formed.",
		remedy: "Does an XMPP server listen at this address and port? Does something in between change what is sent?",
	},
	PeerDomainUnknown: {
		group: "Stream",
		meaning: "The server that was found does not serve the peer's domain.",
		remedy:
			"The SRV record leads to the wrong server, or that server lacks the domain: the peer must correct one of them.",
	},
	LocalDomainUnknown: {
		group: "Stream",
		meaning: "The peer asked for a domain that this federation does not serve.",
		remedy:
			"Add the domain to spec.additionalDomains, or take the DNS record away that leads it here. To reach a domain without a gateway's help it needs its own server.",
	},
	TLSNotOffered: {
		group: "TLS",
		meaning: "The peer's server does not offer TLS, and it is required here.",
		remedy: "The peer must turn on TLS for other servers (STARTTLS). Or allow this peer to go without: spec.peers[].",
	},
	TLSNotUsed: {
		group: "TLS",
		meaning: "The peer's server wants to be identified without TLS, which is required here.",
		remedy: "The peer must turn on TLS for other servers (STARTTLS). Or allow this peer to go without: spec.peers[].",
	},
	TLSDemanded: {
		group: "TLS",
		meaning: "The peer demands TLS, and none is used with it here.",
		remedy: "Set TLSOptional or TLSRequired for this peer.",
	},
	TLSHandshakeFailed: {
		group: "TLS",
		meaning: "The TLS handshake failed.",
		remedy:
			"The detail says at what. Most often the peer has no TLS 1.2 or newer, no cipher in common, or a broken certificate.",
	},
	CertificateMissing: {
		group: "Certificate",
		meaning: "The peer showed no certificate.",
		remedy: "The peer's server must show its certificate on streams that it opens, too.",
	},
	CertificateExpired: {
		group: "Certificate",
		meaning: "The peer's certificate, or one of its issuers, has expired.",
		remedy: "The peer must renew it and load it into its server.",
	},
	CertificateNotYetValid: {
		group: "Certificate",
		meaning: "The peer's certificate is not valid yet.",
		remedy: "Compare the clocks of both ends, and the certificate's notBefore.",
	},
	CertificateUntrusted: {
		group: "Certificate",
		meaning: "The peer's certificate does not lead to an authority that is trusted here.",
		remedy:
			"Is it self-signed, or is an intermediate certificate missing in what the peer sends? Else add the peer's authority: spec.security.trustedCAs.",
	},
	CertificateWrongName: {
		group: "Certificate",
		meaning: "The peer's certificate is not for the peer's domain.",
		remedy:
			"The certificate must have the XMPP domain as a DNS name in its subjectAltName; that of the SRV record's target does not count, nor does the common name.",
	},
	OwnCertificateRefused: {
		group: "Certificate",
		meaning: "The peer refuses this federation's certificate.",
		remedy:
			"Look at the condition CertificateValid. The peer needs the whole chain and the names of our domains; some servers (ejabberd 23, Expressway) want clientAuth among the certificate's purposes.",
	},
	ExternalNeeded: {
		group: "Authentication",
		meaning: "SASL EXTERNAL is demanded of the peer here, and did not come about.",
		remedy:
			"The peer's server must offer and use it, which it does when it trusts our certificate. Or allow dialback with this peer: spec.peers[].",
	},
	ExternalRefused: {
		group: "Authentication",
		meaning: "The peer offered SASL EXTERNAL and refused it. Dialback is tried then, where it is allowed.",
		remedy: "Our certificate must have the local domain among its names, and the peer must trust its authority.",
	},
	DialbackUnsupported: {
		group: "Authentication",
		meaning: "The peer's server does not know dialback.",
		remedy:
			"The peer must turn it on (Prosody: mod_dialback, ejabberd: mod_s2s_dialback), or trust our certificate, so that EXTERNAL is used.",
	},
	DialbackRefused: {
		group: "Authentication",
		meaning: "The peer asked for our dialback key to be verified and was told that it is not ours.",
		remedy:
			"The SRV records of our domain lead to other servers than this federation's nodes, or these have not all the same dialback secret. Compare: kubectl xmppfed status NAME, DNS RECORDS TO PUBLISH.",
	},
	DialbackFailed: {
		group: "Authentication",
		meaning: "The peer could not have our dialback key verified.",
		remedy:
			"The peer must reach us by our SRV records, at the port that they name: look at DNS, the Service's address and firewalls on the way in.",
	},
	DialbackNotAnswered: {
		group: "Authentication",
		meaning: "The peer took our dialback key and did not answer within the time-out.",
		remedy:
			"Most often the peer cannot reach us to have the key verified: look at our SRV records, the Service's address and firewalls on the way in. Else its server hangs.",
	},
	DialbackKeyInvalid: {
		group: "Authentication",
		meaning: "Somebody claimed to be the peer, and the peer's own server says that the key is not its.",
		remedy:
			"An impostor, or a peer with several servers that do not share their dialback secret: then its administrator must mend that.",
	},
	DialbackNotVerified: {
		group: "Authentication",
		meaning: "The peer came in, and its own server could not be asked whether the key is its.",
		remedy: "See the outgoing failure of the same peer: that is why its server could not be asked.",
	},
	NegotiationTimeout: {
		group: "Authentication",
		meaning: "The two servers had not identified each other when the time for it was over.",
		remedy: "Look at the peer's log. Where it happens with every peer: is this pod short of CPU?",
	},
	PolicyRefused: {
		group: "Refusal",
		meaning: "This federation refused what the peer wanted.",
		remedy: "The detail says which setting or rule. Where it is meant to be allowed, change that.",
	},
	LimitReached: {
		group: "Refusal",
		meaning: "The stream was closed because a limit was reached.",
		remedy: "The detail says which. Where the traffic is legitimate, raise it in spec.limits.",
	},
	ClosedByPeer: {
		group: "Refusal",
		meaning: "The peer closed the stream with an error.",
		remedy: "The detail is what it says. Its log has more.",
	},
	ConnectionLost: {
		group: "Connection",
		meaning: "The connection broke while the stream was open.",
		remedy:
			"Once is nothing: the next stanza opens a new stream. Again and again: look for a load balancer or firewall that cuts idle connections.",
	},
} as const satisfies Readonly<Record<string, CauseText>>;

export type FailureCause = keyof typeof failureCauses;

/** Also for a code that a gateway of another version tells. */
export function causeText(cause: string): CauseText | undefined {
	return new Map<string, CauseText>(Object.entries(failureCauses)).get(cause);
}
