import { z } from "zod";
import type { Answer } from "./pod-answer.ts";

/**
 * What a federation connection manager says of its peers (deploy/gateway/modules/mod_xmppfed_peers.lua). Read leniently: a
 * gateway of another version may say more, or less.
 */
const optional = z.string().optional().catch(undefined);

const stream = z.looseObject({
	peer: optional,
	local: optional,
	direction: optional,
	state: optional,
	address: optional,
	tls: z.looseObject({ version: optional, cipher: optional }).optional().catch(undefined),
	authentication: optional,
	certificate: z
		.looseObject({
			state: optional,
			issuer: optional,
			names: z.array(z.string()).optional().catch(undefined),
			moreNames: z.number().optional().catch(undefined),
			notAfter: optional,
		})
		.optional()
		.catch(undefined),
	since: optional,
	stanzas: z.number().optional().catch(undefined),
	queued: z.number().optional().catch(undefined),
});

const failure = z.looseObject({
	peer: optional,
	local: optional,
	direction: optional,
	at: optional,
	cause: optional,
	detail: optional,
});

export const peersStatus = z.looseObject({
	streams: z.array(stream).catch([]),
	failures: z.array(failure).catch([]),
});

export type StreamView = z.infer<typeof stream>;
export type FailureView = z.infer<typeof failure>;

export type PodAnswer = Answer<z.infer<typeof peersStatus>>;
