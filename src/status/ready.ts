import { type Reasons, type Verdict, verdicts } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";
import { type NodeState, nodeStates } from "./nodes.ts";

/** Those of problems with what could not be made besides. */
export const readyReasons = {
	AllNodesReady: "True",
	NoEnabledNode: "True",
	NodesNotReady: "False",
	UpstreamUnreachable: "False",
	DomainNotServed: "False",
	NoPublicAddress: "False",
	NoInternalAddress: "False",
	NotAccepted: "False",
} as const satisfies Reasons;

const verdict = verdicts(readyReasons);

/** Ready: every node runs what the resource asks for and is ready, and messages can go both ways. */
export function ready(observation: FederationObservation): Verdict {
	const { intent, problems, obstacles, nodes } = observation;
	const [obstacle] = obstacles;
	if (obstacle) {
		const message = "Not everything could be made; see the condition Degraded.";
		return { status: "False", reason: obstacle.reason, message };
	}
	if (problems.length > 0 || !intent)
		return verdict("NotAccepted", "The resource is not accepted; see the condition Accepted.");

	const states = nodeStates(observation);
	// What a node takes over while it runs takes it from nobody.
	const isThere = ({ ready: isReady, state }: NodeState) => isReady && (state === "Current" || state === "Applying");
	const missing = states.filter((node) => !isThere(node));
	if (missing.length > 0) {
		const list = missing.map(({ name, message, reason }) => `${name} (${message ?? reason})`).join(", ");
		const current = states.length - missing.length;
		return verdict(
			"NodesNotReady",
			`${current} of ${states.length} nodes run what the resource asks for and are ready. Others: ${list}.`,
		);
	}
	if (nodes.every(({ upstream }) => upstream?.reachable === false)) {
		return verdict("UpstreamUnreachable", "No node reaches the internal server; see the condition Degraded.");
	}
	if (intent.nodes.every(({ name, domains }) => servesNone(nodes, name, domains))) {
		return verdict(
			"DomainNotServed",
			"The internal server serves no domain of this federation; see the condition Degraded.",
		);
	}
	if (lacksAddress(observation)) {
		const message =
			"A public Service has no address yet: nothing in this Kubernetes cluster has given its LoadBalancer one. " +
			"Install a load balancer, or set spec.service.type to NodePort or ClusterIP.";
		return verdict("NoPublicAddress", message);
	}
	if (lacksInternalAddress(observation)) {
		const message =
			"A Service for the internal server has no address yet: nothing in this Kubernetes cluster has given its " +
			"LoadBalancer one. Install a load balancer, or set spec.internalService.type to ClusterIP.";
		return verdict("NoInternalAddress", message);
	}
	if (!intent.nodes.some((node) => node.federation === "Enabled")) {
		const message =
			"All routers are ready, but no node has federation Enabled: nothing goes to peers or comes from them.";
		return verdict("NoEnabledNode", message);
	}
	return verdict("AllNodesReady", allReady(states.length));
}

function servesNone(nodes: FederationObservation["nodes"], nodeName: string, domains: readonly string[]): boolean {
	const unserved = nodes.find(({ name }) => name === nodeName)?.upstream?.unserved ?? [];
	return unserved.length === domains.length;
}

function allReady(count: number): string {
	return count === 1 ? "The node is ready." : `All ${count} nodes are ready.`;
}

function lacksAddress({ intent, services }: FederationObservation): boolean {
	if (intent?.service.type !== "LoadBalancer" || !intent.nodes.some(({ published }) => published)) return false;
	return [services.public, ...(services.nodes?.values() ?? [])].some((service) => service?.ingress.length === 0);
}

function lacksInternalAddress({ intent, services }: FederationObservation): boolean {
	if (intent?.internalService.type !== "LoadBalancer") return false;
	return [services.internal, services.resolver].some((service) => service?.ingress.length === 0);
}
