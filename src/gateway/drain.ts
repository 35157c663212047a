import { defaults } from "../api/defaults.ts";
import type { NodeIntent } from "../model/intent.ts";

/** Seconds of a stop in which the process still accepts and is not ready: DNS, Services and load balancers take it out. */
const deregistrationSeconds = 5;
/** Answers on the links before and after the streams' end (3 s each at most), and slack for what ends a process. */
const slackSeconds = 15;

/** How long a planned stop of a node takes at most, in seconds. */
export function drainTimes({ drainSeconds = defaults.drainSeconds }: Pick<NodeIntent, "drainSeconds">) {
	return {
		deregistrationSeconds,
		/** From then on until every stream must be closed. */
		limitSeconds: drainSeconds,
		/** What the pod's `terminationGracePeriodSeconds` must be at least. */
		graceSeconds: deregistrationSeconds + drainSeconds + slackSeconds,
	};
}
