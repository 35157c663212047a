import { defaults } from "../api/defaults.ts";
import type { StreamsIntent } from "../model/intent.ts";

/** Bytes of a stream with TLS (docs/results/2026-11-24-gateway-bench.md), of what waits for it, and of what it has begun. */
const streamBytes = 85_000 + 32 * 1024 + 16 * 1024;
/** The rest, in MiB. */
const base = 30 + 36 + 32 + 10;
/** Memory limits are multiples of this, in MiB. */
const step = 64;

/**
 * Memory limit of each process, in MiB, where `spec.nodes[].resources` says nothing. What the process can hold at once, by
 * the bounds in deploy/gateway/modules; with 2,500 incoming and 2,500 outgoing streams, as by default, in MiB:
 *
 * | 30 | the process itself                                                                    |
 * | 405 | streams with TLS, 85 kB each                                                         |
 * | 192 | what waits to be sent: 32, 4 between two counts, 32 KiB for each stream (mod_xmppfed_backlog) |
 * | 110 | stanzas that have begun and not ended: 32, 16 KiB for each stream (mod_xmppfed_incoming) |
 * | 10 | 20,000 remote domains, 10,000 remembered choices of a link, 1,000 failures              |
 *
 * An alias is 1 MiB more: half of that is what each of 64 took at two nodes (decision 15), half is for links of more nodes.
 * Email addresses are 80 MiB more: 100,000 of them took up to 64, the old ones and the new ones while they change and the
 * files that they are read from (docs/results/2026-11-25-email-addresses.md).
 * All of that at once leaves next to nothing for what Lua's collector has not freed yet.
 */
export function gatewayMemoryMiB(streams: StreamsIntent = {}, aliases = 0, emailAddresses = false): number {
	const { incomingStreams, outgoingStreams } = { ...defaults.limits, ...streams };
	const needed =
		base + aliases + (emailAddresses ? 80 : 0) + ((incomingStreams + outgoingStreams) * streamBytes) / 2 ** 20;
	return step * Math.ceil(needed / step);
}
