import { describeProblems } from "../model/problem.ts";
import type { Verdict } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";

/** Degraded: something takes from the service, and somebody has to do something about it. */
export function degraded(observation: FederationObservation): Verdict {
	const { obstacles, nodes, intent } = observation;
	const [obstacle] = obstacles;
	if (obstacle) return yes(obstacle.reason, describeProblems(obstacles));

	const unreachable = nodes.filter(({ upstream }) => upstream?.reachable === false);
	if (unreachable.length > 0)
		return yes("UpstreamUnreachable", unreachable.map((node) => upstreamMessage(node, intent)).join("; "));

	const broken = nodes.filter(({ ready, trouble }) => !ready && trouble !== "");
	if (broken.length > 0)
		return yes("NodeFailing", broken.map(({ name, trouble }) => `node ${name}: ${trouble}`).join("; "));
	return { status: "False", reason: "AsExpected", message: "Nothing is known to be wrong." };
}

function upstreamMessage(
	{ name, upstream }: FederationObservation["nodes"][number],
	intent: FederationObservation["intent"],
): string {
	const target = intent?.nodes.find((node) => node.name === name)?.upstream;
	const address = target ? `${target.host}:${target.port}` : "its upstream";
	const cause = upstream?.error ? ` (${upstream.error})` : "";
	return (
		`spec.upstream: node ${name} cannot reach ${address}${cause}. ` +
		"Check that host and port are those of the internal server's XMPP server-to-server listener and that it runs."
	);
}

function yes(reason: string, message: string): Verdict {
	return { status: "True", reason, message };
}
