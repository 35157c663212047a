import { defaults } from "../api/defaults.ts";
import type { ChosenSecurity } from "../api/peer-security.ts";
import { type Platform, platformFacts } from "../api/platforms.ts";
import type { XmppFederation } from "../api/xmpp-federation.ts";
import type { PeerSecurityIntent, SaslUse } from "./intent.ts";
import type { Problem } from "./problem.ts";

/**
 * How peers and the gateway know each other (R3-R7), with every default filled in: for a peer what its entry says, else
 * what its platform sets, else spec.security, else the defaults.
 */

type Spec = Pick<XmppFederation["spec"], "security" | "peers">;

/** What holds for peers without an entry. */
export function defaultSecurity({ security = {} }: Spec): PeerSecurityIntent {
	return filledIn([security]);
}

/** What holds for each entry of spec.peers, by its domain (`*.` and all). */
export function peerSecurities({ security = {}, peers = [] }: Spec): Readonly<Record<string, PeerSecurityIntent>> {
	return Object.fromEntries(
		peers.map(({ domain, platform = defaults.platform, security: own = {} }) => [
			domain,
			filledIn([own, platformFacts[platform].sets, security]),
		]),
	);
}

/** The first of the choices that says something decides, each field by itself. */
function filledIn(choices: readonly ChosenSecurity[]): PeerSecurityIntent {
	const first = <Value>(pick: (choice: ChosenSecurity) => Value | undefined): Value | undefined =>
		choices.map(pick).find((value) => value !== undefined);
	const mode = first((choice) => choice.mode) ?? defaults.securityMode;
	const dialback = { mode: first((choice) => choice.dialback?.mode) ?? defaults.dialbackMode };
	if (mode === "NoTLS") return { mode, dialback };
	return {
		mode,
		peerCertificates: first((choice) => choice.peerCertificates) ?? defaults.peerCertificates,
		saslExternal: {
			incoming: first((choice) => choice.saslExternal?.incoming) ?? defaults.saslExternal,
			outgoing: first((choice) => choice.saslExternal?.outgoing) ?? defaults.saslExternal,
		},
		dialback,
	};
}

/** What an entry of spec.peers makes of settings that it leaves to others, where that is nothing that can work. */
export function securityProblems(spec: Spec): readonly Problem[] {
	const effective = peerSecurities(spec);
	return (spec.peers ?? []).flatMap(({ domain, security: own = {} }): Problem[] => {
		const found = effective[domain];
		const message = found && contradiction(found, own);
		return message === undefined ? [] : [{ reason: "InvalidSpec", field: `spec.peers[${domain}].security`, message }];
	});
}

function contradiction({ mode, saslExternal, dialback }: PeerSecurityIntent, own: ChosenSecurity): string | undefined {
	if (mode === "NoTLS") {
		if (own.peerCertificates !== undefined || own.saslExternal !== undefined) {
			return (
				"the mode is NoTLS, as spec.security has it, and with that there are no certificates. Leave peerCertificates and " +
				"saslExternal out, or set mode here."
			);
		}
		if (dialback.mode === "Disabled") {
			return (
				"with NoTLS nothing but dialback identifies the peer, and spec.security.dialback.mode is Disabled. Set " +
				"dialback.mode: Enabled here, or another mode."
			);
		}
	}
	if (dialback.mode === "Disabled" && uses(saslExternal).includes("Disabled")) {
		return (
			"with what spec.security has, neither dialback nor SASL EXTERNAL is left to identify the peer. Set dialback.mode: " +
			"Enabled here, or saslExternal: Offered or Required in both directions."
		);
	}
	return undefined;
}

/** What works, but hardly as it was meant: limits of platforms (R3), and doubtful combinations of the partner matrix. */
export function securityWarnings(spec: Spec): readonly Problem[] {
	const effective = peerSecurities(spec);
	return [
		...doubts("spec.security", defaultSecurity(spec), spec.security ?? {}),
		...(spec.peers ?? []).flatMap(({ domain, platform = defaults.platform, security: own = {} }) => {
			const field = `spec.peers[${domain}]`;
			const found = effective[domain];
			return [
				...platformFacts[platform].limitations.map((message) => limitation(domain, platform, message)),
				...(found ? doubts(`${field}.security`, found, own) : []),
			];
		}),
	];
}

/** Of limits of platforms those that are about chat rooms (R3). */
export function platformRoomWarnings({ peers = [] }: Pick<Spec, "peers">): readonly Problem[] {
	return peers.flatMap(({ domain, platform = defaults.platform }) =>
		(platformFacts[platform].roomLimitations ?? []).map((message) => limitation(domain, platform, message)),
	);
}

function limitation(domain: string, platform: Platform, message: string): Problem {
	return { reason: "PlatformLimited", field: `spec.peers[${domain}].platform`, message: `${platform}: ${message}` };
}

/** @param own a doubt is told where one of the fields that it is about was chosen, not of every peer that inherits it */
function doubts(field: string, effective: PeerSecurityIntent, own: ChosenSecurity): Problem[] {
	const { mode, saslExternal } = effective;
	const required = uses(saslExternal).filter((use) => use === "Required").length;
	const doubtful = (message: string): Problem[] => [{ reason: "DoubtfulSecurity", field, message }];
	if (mode === "TLSOptional" && required > 0 && (own.mode ?? own.saslExternal) !== undefined) {
		return doubtful(
			"SASL EXTERNAL is Required and needs TLS, so TLSOptional lets nothing through without it: set TLSRequired",
		);
	}
	if (mode === "TLSRequired" && required === 2 && own.dialback?.mode === "Enabled") {
		return doubtful(
			"dialback is Enabled and never runs, because SASL EXTERNAL is Required in both directions: leave it out",
		);
	}
	return [];
}

function uses(saslExternal: PeerSecurityIntent["saslExternal"]): readonly SaslUse[] {
	return saslExternal ? [saslExternal.incoming, saslExternal.outgoing] : [];
}
