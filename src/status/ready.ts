import type { Verdict } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";
import { nodeStates } from "./nodes.ts";

/** Ready: every node runs what the resource asks for, and is ready. */
export function ready(observation: FederationObservation): Verdict {
	const { intent, problems, obstacles } = observation;
	if (problems.length > 0 || !intent)
		return no("NotAccepted", "The resource is not accepted; see the condition Accepted.");
	const [obstacle] = obstacles;
	if (obstacle) return no(obstacle.reason, "Not everything could be made; see the condition Degraded.");

	const states = nodeStates(observation);
	const missing = states.filter((node) => !(node.ready && node.state === "Current"));
	if (missing.length > 0) {
		const list = missing.map(({ name, message, reason }) => `${name} (${message || reason})`).join(", ");
		return no(
			"NodesNotReady",
			`${states.length - missing.length} of ${states.length} nodes are ready. Not ready: ${list}.`,
		);
	}
	if (!intent.nodes.some((node) => node.federation === "Enabled")) {
		const message =
			"All routers are ready, but no node has federation Enabled: nothing goes to peers or comes from them.";
		return { status: "True", reason: "NoEnabledNode", message };
	}
	return { status: "True", reason: "AllNodesReady", message: `All ${states.length} nodes are ready.` };
}

function no(reason: string, message: string): Verdict {
	return { status: "False", reason, message };
}
