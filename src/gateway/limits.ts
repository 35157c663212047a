import { defaults } from "../api/defaults.ts";
import type { LimitsIntent, NodeIntent } from "../model/intent.ts";
import type { GatewayRole } from "./common.ts";

/** A router has streams with the internal server only: all come from its addresses, and nothing is far away. */
const ofRouter = { unauthenticatedStreams: 1_000, unauthenticatedStreamsPerAddress: 1_000, handshakeSeconds: 30 };

/**
 * What a process holds to where no setting says otherwise (mod_xmppfed_limits): every bound by its name in `spec.limits`;
 * absent ones are no limit.
 */
export function limitDefaults({ streams }: Pick<NodeIntent, "streams">, role: GatewayRole) {
	const { stanzaBytes, incomingStreams, outgoingStreams, ...others } = { ...defaults.limits, ...streams };
	return { stanzaBytes, incomingStreams, outgoingStreams, ...(role === "router" ? ofRouter : others) };
}

/** What the setting `limits` says to each process. */
export function limitSettings(limits: LimitsIntent) {
	const { stanzaBytes } = limits;
	return { federation: limits, ...(stanzaBytes !== undefined && { router: { stanzaBytes } }) };
}
