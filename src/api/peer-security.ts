import { z } from "zod";
import { defaults } from "./defaults.ts";
import { type Rule, ruled } from "./rules.ts";

const saslUse = z.enum(["Required", "Offered", "Disabled"]);
const inTlsModes = (value: string) => `${value} in the TLS modes; cannot be set with NoTLS`;

/** What a reader is told of the fields where they are absent. */
interface Fallbacks {
	readonly mode: string;
	readonly peerCertificates: string;
	readonly saslExternal: string;
	readonly dialbackMode: string;
}

/** In `spec.security`. */
export const federationFallbacks: Fallbacks = {
	mode: defaults.securityMode,
	peerCertificates: inTlsModes(defaults.peerCertificates),
	saslExternal: inTlsModes(defaults.saslExternal),
	dialbackMode: defaults.dialbackMode,
};

const elsewhere = "what the platform sets, else that of spec.security";

/** In an entry of `spec.peers`. */
export const peerFallbacks: Fallbacks = {
	mode: elsewhere,
	peerCertificates: elsewhere,
	saslExternal: elsewhere,
	dialbackMode: elsewhere,
};

/** What decides how a peer and the gateway know each other (R4-R7): of `spec.security` and of each entry of `spec.peers`. */
export const peerSecurityFields = (fallbacks: Fallbacks) => ({
	mode: z
		.enum(["NoTLS", "TLSOptional", "TLSRequired"])
		.meta({
			description:
				"Whether traffic with peers is encrypted. NoTLS: never, and dialback identifies the peer. TLSOptional: where the " +
				"peer can; where TLS fails, as with NoTLS. TLSRequired: always, or there is no traffic.",
			defaultsTo: fallbacks.mode,
		})
		.exactOptional(),
	peerCertificates: z
		.enum(["Strict", "Opportunistic"])
		.meta({
			description:
				"Strict: a peer that uses TLS must show a certificate that verifies: from a trusted CA, in date, with the peer's " +
				"domain. Opportunistic: a peer whose certificate does not verify is identified by dialback inside TLS.",
			defaultsTo: fallbacks.peerCertificates,
		})
		.exactOptional(),
	saslExternal: z
		.object({
			incoming: saslUse
				.meta({
					description:
						"SASL EXTERNAL (XEP-0178) on streams that peers open: identification by certificate. Required: dialback is not " +
						"taken. Offered: a peer whose certificate verifies may use it. Disabled: it is not offered.",
					defaultsTo: fallbacks.saslExternal,
				})
				.exactOptional(),
			outgoing: saslUse
				.meta({
					description:
						"The same on streams to peers. Required: there is no dialback. Offered: it is used where the peer asks for it " +
						"and its certificate verifies. Disabled: it is not used.",
					defaultsTo: fallbacks.saslExternal,
				})
				.exactOptional(),
		})
		.meta({ description: "Identification by certificate, for each direction." })
		.exactOptional(),
});

export const dialbackFields = (fallbacks: Fallbacks) => ({
	mode: z
		.enum(["Enabled", "Disabled"])
		.meta({
			description:
				"Identification by DNS (XEP-0220), where SASL EXTERNAL is not used. Disabled: what needs it is refused. NoTLS " +
				"needs it.",
			defaultsTo: fallbacks.dialbackMode,
		})
		.exactOptional(),
});

/** As far as rules look at it: what a user chose, in `spec.security` or for a peer. */
export interface ChosenSecurity {
	readonly mode?: "NoTLS" | "TLSOptional" | "TLSRequired";
	readonly peerCertificates?: "Strict" | "Opportunistic";
	readonly saslExternal?: { readonly incoming?: SaslUse; readonly outgoing?: SaslUse };
	readonly dialback?: { readonly mode?: "Enabled" | "Disabled" };
}

export type SaslUse = z.infer<typeof saslUse>;

const isNoTls = "has(self.mode) && self.mode == 'NoTLS'";
const dialbackIsOff = "has(self.dialback) && has(self.dialback.mode) && self.dialback.mode == 'Disabled'";
const saslIsOff = (direction: string) =>
	`has(self.saslExternal.${direction}) && self.saslExternal.${direction} == 'Disabled'`;

const rules: readonly Rule<ChosenSecurity>[] = [
	{
		cel: `!(${isNoTls}) || (!has(self.peerCertificates) && !has(self.saslExternal))`,
		holds: ({ mode, peerCertificates, saslExternal }) =>
			mode !== "NoTLS" || (peerCertificates === undefined && saslExternal === undefined),
		message:
			"with NoTLS there are no certificates: leave peerCertificates and saslExternal out, or set mode: TLSOptional or " +
			"TLSRequired",
		field: "mode",
	},
	{
		cel: `!(${isNoTls}) || !(${dialbackIsOff})`,
		holds: ({ mode, dialback }) => mode !== "NoTLS" || dialback?.mode !== "Disabled",
		message: "with NoTLS nothing but dialback identifies a peer: set mode: Enabled, or another mode than NoTLS",
		field: "dialback.mode",
	},
	{
		cel: `!(${dialbackIsOff}) || !has(self.saslExternal) || !(${saslIsOff("incoming")} || ${saslIsOff("outgoing")})`,
		holds: ({ dialback, saslExternal }) =>
			dialback?.mode !== "Disabled" || (saslExternal?.incoming !== "Disabled" && saslExternal?.outgoing !== "Disabled"),
		message:
			"without dialback and without SASL EXTERNAL nothing identifies a peer: set dialback.mode: Enabled, or saslExternal: " +
			"Offered or Required in both directions",
		field: "saslExternal",
	},
];

/** What security settings by themselves tell to be wrong (R4-R7, partner matrix). */
export function withSecurityRules<Schema extends z.ZodType<ChosenSecurity>>(schema: Schema): Schema {
	return ruled(schema, ...rules);
}
