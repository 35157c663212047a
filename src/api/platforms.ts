import type { ChosenSecurity } from "./peer-security.ts";

/** A field of a peer's security settings. */
export type SecurityField =
	| "mode"
	| "peerCertificates"
	| "saslExternal.incoming"
	| "saslExternal.outgoing"
	| "dialback.mode";

export interface PlatformFacts {
	/** Of a reader who knows the product by another name. */
	readonly title: string;
	/** What holds where the peer's entry says nothing else; before `spec.security`. */
	readonly sets: ChosenSecurity;
	/** Values that the platform cannot work with; refused at admission. */
	readonly refuses: readonly {
		readonly field: SecurityField;
		readonly values: readonly string[];
		readonly why: string;
	}[];
	/** What does not work however it is set: told in the condition Accepted. */
	readonly limitations: readonly string[];
	/** Those of them that are about chat rooms. Absent: none. */
	readonly roomLimitations?: readonly string[];
	/** The whole platform is refused, for this reason (R2). */
	readonly unsupported?: string;
	/** Where that is written. */
	readonly sources: readonly string[];
}

const chapter = "IM and Presence 9.0, XMPP federation";
const noInvitations =
	"its users cannot invite users of this federation to chat rooms (a limit of the WebEx Connect client)";
const tlsValues = ["TLSOptional", "TLSRequired"];

/** Platforms of peers: what each sets, refuses and cannot do. `docs/peers.md` is made from it. */
export const platforms = {
	Generic: {
		title: "Any XMPP server",
		sets: {},
		refuses: [],
		limitations: [],
		sources: ["RFC 6120, RFC 7590, XEP-0178, XEP-0220"],
	},
	WebexConnect: {
		title: "Cisco WebEx Connect 6.0",
		sets: { peerCertificates: "Opportunistic" },
		refuses: [
			{
				field: "peerCertificates",
				values: ["Strict"],
				why: "WebEx Connect cannot be federated with where certificates of peers are required: leave it out, or set Opportunistic",
			},
		],
		limitations: [noInvitations],
		roomLimitations: [noInvitations],
		sources: [
			`${chapter}: supported platforms`,
			`${chapter}: note on chat rooms with Webex Enterprise`,
			`${chapter}: security settings, step 3`,
		],
	},
	IBMSametime: {
		title: "IBM Sametime 8.2 and 8.5",
		sets: { mode: "TLSRequired", saslExternal: { incoming: "Offered", outgoing: "Offered" } },
		refuses: [
			{
				field: "mode",
				values: ["TLSOptional"],
				why: "over TLS IBM Sametime needs TLSRequired: leave it out, or set TLSRequired or NoTLS",
			},
			{
				field: "saslExternal.incoming",
				values: ["Disabled"],
				why: "IBM Sametime over TLS needs SASL EXTERNAL: leave it out, or set Offered or Required",
			},
			{
				field: "saslExternal.outgoing",
				values: ["Disabled"],
				why: "IBM Sametime over TLS needs SASL EXTERNAL: leave it out, or set Offered or Required",
			},
		],
		limitations: [],
		sources: [`${chapter}: supported platforms`, `${chapter}: security settings, before you begin`],
	},
	GoogleTalk: {
		title: "GoogleTalk",
		sets: { mode: "NoTLS", dialback: { mode: "Enabled" } },
		refuses: [
			{
				field: "mode",
				values: tlsValues,
				why: "GoogleTalk speaks no TLS with other servers: leave it out, or set NoTLS",
			},
			{
				field: "peerCertificates",
				values: ["Strict", "Opportunistic"],
				why: "GoogleTalk speaks no TLS with other servers, so it shows no certificate: leave it out",
			},
			...(["saslExternal.incoming", "saslExternal.outgoing"] as const).map((field) => ({
				field,
				values: ["Required", "Offered", "Disabled"],
				why: "GoogleTalk speaks no TLS with other servers, so there is no SASL EXTERNAL: leave it out",
			})),
			{ field: "dialback.mode", values: ["Disabled"], why: "GoogleTalk is identified by dialback: leave it out" },
		],
		limitations: ["what is exchanged with it is not encrypted"],
		sources: [
			`${chapter}: supported platforms`,
			"No TLS and dialback: other chapters of the 9.0 guide, and Google's own records; not in the chapter on XMPP federation",
		],
	},
	IMPresence: {
		title: "Another IM and Presence 9.0",
		sets: {},
		refuses: [],
		limitations: [],
		sources: [`${chapter}: supported platforms`, `${chapter}: security settings, note on several clusters`],
	},
	CiscoUnifiedPresence7: {
		title: "Cisco Unified Presence 7.x",
		sets: {},
		refuses: [],
		limitations: [],
		unsupported:
			"XMPP federation with Cisco Unified Presence 7.x is not supported: upgrade the peer to IM and Presence 9.0 and set " +
			"IMPresence",
		sources: [`${chapter}: supported platforms`],
	},
} as const satisfies Record<string, PlatformFacts>;

export type Platform = keyof typeof platforms;
export const platformFacts: Readonly<Record<Platform, PlatformFacts>> = platforms;
