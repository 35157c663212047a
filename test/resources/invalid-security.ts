import { federation, withPeer, withSecurity } from "./builders.ts";
import type { InvalidCase } from "./cases.ts";
import { invalid, missing, notOf, notOneOf, tooLong, tooMany } from "./refusals.ts";

const notAPeer = "must be a domain such as example.com, or *.example.com";
const noCertificates = "with NoTLS there are no certificates";
const nothingLeft = "without dialback and without SASL EXTERNAL nothing identifies a peer";

/** What is wrong wherever security settings are: in spec.security and in a peer's entry. */
const combinations = [
	["NoTLS, certificates", { mode: "NoTLS", peerCertificates: "Strict" }, "mode", noCertificates],
	["NoTLS, SASL EXTERNAL", { mode: "NoTLS", saslExternal: { incoming: "Required" } }, "mode", noCertificates],
	["NoTLS, empty SASL EXTERNAL", { mode: "NoTLS", saslExternal: {} }, "mode", noCertificates],
	[
		"NoTLS, no dialback",
		{ mode: "NoTLS", dialback: { mode: "Disabled" } },
		"dialback.mode",
		"with NoTLS nothing but dialback identifies a peer",
	],
	[
		"neither dialback nor SASL EXTERNAL for what comes in",
		{ dialback: { mode: "Disabled" }, saslExternal: { incoming: "Disabled" } },
		"saslExternal",
		nothingLeft,
	],
	[
		"neither dialback nor SASL EXTERNAL for what goes out",
		{
			mode: "TLSOptional",
			dialback: { mode: "Disabled" },
			saslExternal: { incoming: "Required", outgoing: "Disabled" },
		},
		"saslExternal",
		nothingLeft,
	],
	["mode in lower case", { mode: "notls" }, "mode", notOneOf],
	["certificates: Required", { peerCertificates: "Required" }, "peerCertificates", notOneOf],
	["SASL EXTERNAL: Enabled", { saslExternal: { incoming: "Enabled" } }, "saslExternal.incoming", notOneOf],
	["SASL EXTERNAL out: Enabled", { saslExternal: { outgoing: "Enabled" } }, "saslExternal.outgoing", notOneOf],
	["dialback: true", { dialback: true }, "dialback", notOf("object")],
	["SASL EXTERNAL for both at once", { saslExternal: "Required" }, "saslExternal", notOf("object")],
	["dialback: Required", { dialback: { mode: "Required" } }, "dialback.mode", notOneOf],
] as const;

/** What a platform refuses (R2, R3). */
const platforms = [
	["WebexConnect", { peerCertificates: "Strict" }, "peerCertificates", "WebEx Connect cannot be federated with"],
	["IBMSametime", { mode: "TLSOptional" }, "mode", "over TLS IBM Sametime needs TLSRequired"],
	[
		"IBMSametime",
		{ saslExternal: { incoming: "Disabled" } },
		"saslExternal.incoming",
		"IBM Sametime over TLS needs SASL EXTERNAL",
	],
	[
		"IBMSametime",
		{ saslExternal: { outgoing: "Disabled" } },
		"saslExternal.outgoing",
		"IBM Sametime over TLS needs SASL EXTERNAL",
	],
	["GoogleTalk", { mode: "TLSRequired" }, "mode", "GoogleTalk speaks no TLS"],
	["GoogleTalk", { mode: "TLSOptional" }, "mode", "GoogleTalk speaks no TLS"],
	["GoogleTalk", { peerCertificates: "Opportunistic" }, "peerCertificates", "it shows no certificate"],
	["GoogleTalk", { saslExternal: { incoming: "Offered" } }, "saslExternal.incoming", "there is no SASL EXTERNAL"],
	["GoogleTalk", { saslExternal: { outgoing: "Disabled" } }, "saslExternal.outgoing", "there is no SASL EXTERNAL"],
	["GoogleTalk", { dialback: { mode: "Disabled" } }, "dialback.mode", "GoogleTalk is identified by dialback"],
] as const;

/** Wrong in what concerns the security of streams with peers. */
export const invalidSecurity: readonly InvalidCase[] = [
	...combinations.flatMap(([name, security, field, says]) => [
		invalid(`security: ${name}`, withSecurity(security), `spec.security.${field}`, says),
		invalid(`peer: ${name}`, withPeer({ security }), `spec.peers[0].security.${field}`, says),
	]),
	...platforms.map(([platform, security, field, says]) =>
		invalid(
			`peer: ${platform}: ${JSON.stringify(security)}`,
			withPeer({ platform, security }),
			`spec.peers[0].security.${field}`,
			says,
		),
	),
	invalid(
		"peer: Cisco Unified Presence 7.x",
		withPeer({ platform: "CiscoUnifiedPresence7" }),
		"spec.peers[0].platform",
		"XMPP federation with Cisco Unified Presence 7.x is not supported",
	),
	invalid("peer: unknown platform", withPeer({ platform: "Lync" }), "spec.peers[0].platform", notOneOf),

	invalid("peer: security as text", withPeer({ security: "high" }), "spec.peers[0].security", notOf("object")),
	invalid(
		"dialback: reference as text",
		withSecurity({ dialback: { secretRef: "dialback" } }),
		"spec.security.dialback.secretRef",
		notOf("object"),
	),
	invalid("peer: no domain", federation({ peers: [{}] }), "spec.peers[0].domain", missing),
	invalid("peer: text", federation({ peers: ["peer.example"] }), "spec.peers[0]", notOf("object")),
	...["peer", "*", "*peer.example", "a.*.example", "peer.example.", "Peer.example", "192.0.2.1", "bücher.example"].map(
		(domain) => invalid(`peer: "${domain}"`, withPeer({ domain }), "spec.peers[0].domain", notAPeer),
	),
	invalid(
		"peer: 256 characters",
		withPeer({ domain: `${"a.".repeat(125)}comcom` }),
		"spec.peers[0].domain",
		tooLong(255),
	),
	invalid(
		"peers: one twice",
		federation({ peers: [{ domain: "peer.example" }, { domain: "peer.example", platform: "Generic" }] }),
		"spec.peers[1]",
		{ zod: "has the domain of an earlier peer", apiserver: "Duplicate value" },
	),
	invalid(
		"peers: 501",
		federation({ peers: Array.from({ length: 501 }, (_, index) => ({ domain: `p${index}.example` })) }),
		"spec.peers",
		tooMany(500),
	),
	invalid(
		"peer: the federation's domain",
		federation({ domain: "Example.COM", peers: [{ domain: "example.com" }] }),
		"spec.peers",
		"one of the federation's own domains is no peer",
	),
	invalid(
		"peer: an additional domain",
		federation({ additionalDomains: ["Rooms.example"], peers: [{ domain: "rooms.example" }] }),
		"spec.peers",
		"one of the federation's own domains is no peer",
	),
];
