import { z } from "zod";
import { defaults } from "./defaults.ts";
import { ruled } from "./rules.ts";

/** A whole number of something that is bounded. `description` says of what, and what happens past it. */
function bound(min: number, max: number, defaultsTo: string | number, description: string) {
	return z.int().min(min).max(max).meta({ description, defaultsTo }).exactOptional();
}

/**
 * Bounds of each process of a node. The defaults are `defaults.limits`.
 *
 * The highest values keep to what the processes are built for: a stanza of 1 MiB can be six times as long when it is
 * written on a link (escaped), and the pod's memory limit follows the streams (src/objects/gateway-memory.ts).
 */
const fields = z.object({
	stanzaBytes: bound(
		10_000,
		1_048_576,
		defaults.limits.stanzaBytes,
		"Longest stanza, in bytes; peers are told (XEP-0478). A stream with a longer one is closed with policy-violation. " +
			"10000 is the least that a server may set (RFC 6120).",
	),
	stanzasPerSecond: bound(
		1,
		100_000,
		"no limit",
		"Stanzas that a node takes from one peer, on average over five seconds. Past it the node reads more slowly from that " +
			"peer; nothing is lost.",
	),
	streamsPerMinute: bound(
		1,
		10_000,
		"no limit",
		"Streams that one peer may open to a node in a minute. More are closed with policy-violation.",
	),
	incomingStreams: bound(
		10,
		10_000,
		defaults.limits.incomingStreams,
		"Incoming streams of a process. More are closed with resource-constraint. The pod's memory limit follows.",
	),
	outgoingStreams: bound(
		10,
		10_000,
		defaults.limits.outgoingStreams,
		"Outgoing streams of a process. What needs one more gets resource-constraint. The pod's memory limit follows.",
	),
	unauthenticatedStreams: bound(
		10,
		10_000,
		defaults.limits.unauthenticatedStreams,
		"Incoming streams of peers that are not authenticated yet. More are closed with resource-constraint.",
	),
	unauthenticatedStreamsPerAddress: bound(
		1,
		10_000,
		defaults.limits.unauthenticatedStreamsPerAddress,
		"The same from one address. It must leave room for all peers where a load balancer hides their addresses.",
	),
	handshakeSeconds: bound(
		5,
		300,
		defaults.limits.handshakeSeconds,
		"Seconds that a stream with a peer may take until it is authenticated. Then it is closed with connection-timeout.",
	),
	idleSeconds: bound(
		60,
		86_400,
		"no limit",
		"Seconds after which a stream with a peer that no stanza went over is closed, in order; the next stanza opens a new " +
			"one.",
	),
});

export const limits = ruled(
	fields,
	{
		cel:
			"!has(self.unauthenticatedStreamsPerAddress) || !has(self.unauthenticatedStreams) || " +
			"self.unauthenticatedStreamsPerAddress <= self.unauthenticatedStreams",
		holds: ({ unauthenticatedStreamsPerAddress: ofOne = 0, unauthenticatedStreams: ofAll = ofOne }) => ofOne <= ofAll,
		message: "one address cannot have more than all together: it must be at most unauthenticatedStreams",
		field: "unauthenticatedStreamsPerAddress",
	},
	{
		cel:
			"!has(self.unauthenticatedStreams) || !has(self.incomingStreams) || " +
			"self.unauthenticatedStreams <= self.incomingStreams",
		holds: ({ unauthenticatedStreams: some = 0, incomingStreams: all = some }) => some <= all,
		message: "they are some of the incoming streams: it must be at most incomingStreams",
		field: "unauthenticatedStreams",
	},
);
