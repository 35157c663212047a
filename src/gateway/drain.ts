import { defaults } from "../api/defaults.ts";
import type { NodeIntent } from "../model/intent.ts";

/** Seconds of a stop in which the process still accepts and is not ready: DNS, Services and load balancers take it out. */
const deregistrationSeconds = 5;
/**
 * Longest wait for answers on the links, before the streams' end and after it. More than a link is let be silent (20 s,
 * xmppfed_link.lib.lua): the other side has answered by then or is known to be gone. One that is there answers at once.
 */
const linkSeconds = 25;
/** For what opened late, and for what ends a process. */
const slackSeconds = 10;

/** How long a planned stop of a node takes at most, in seconds. */
export function drainTimes({ drainSeconds = defaults.drainSeconds }: Pick<NodeIntent, "drainSeconds">) {
	return {
		deregistrationSeconds,
		/** From then on until every stream must be closed. */
		limitSeconds: drainSeconds,
		linkSeconds,
		/** What the pod's `terminationGracePeriodSeconds` must be at least. */
		graceSeconds: deregistrationSeconds + drainSeconds + 2 * linkSeconds + slackSeconds,
	};
}
