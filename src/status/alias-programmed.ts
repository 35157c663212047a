import type { AcceptedStanding, AliasObservation } from "./alias-observation.ts";
import type { Verdict } from "./condition.ts";
import { nodeStates } from "./nodes.ts";

/** Programmed: every node knows the alias, and peers can reach its chat node and the internal server behind that. */
export function aliasProgrammed({ standing, federation }: AliasObservation): Verdict {
	if (standing.kind !== "Accepted") {
		return no("NotAccepted", "The alias is not accepted; see the condition Accepted.");
	}
	return programmed(standing, federation);
}

function programmed({ seen, alias }: AcceptedStanding, federation: string): Verdict {
	if (!alias) {
		return no("FederationNotAccepted", `XmppFederation ${federation} is not accepted: see its condition Accepted.`);
	}
	const { domain, node: name } = alias;
	const home = seen.nodes.find((node) => node.name === name);
	if (!home?.ready) {
		return no(
			"NodeNotReady",
			`Node ${name} is not ready: what is sent to ${domain} is answered with an error until it is.`,
		);
	}
	const nodes = seen.intent?.nodes ?? [];
	const wanted = new Set(nodes.map((node) => node.name));
	const pending = nodeStates(seen).filter(
		({ name: node, ready, state }) => wanted.has(node) && !(ready && (state === "Current" || state === "Applying")),
	);
	if (pending.length > 0) {
		const names = pending.map((node) => node.name).join(", ");
		if (pending.every(({ reason }) => reason === "Paused")) {
			return no("Paused", `Not yet on ${names}: roll-outs of XmppFederation ${federation} are paused.`);
		}
		return no("NodesPending", `Not yet on ${names}; see the nodes of XmppFederation ${federation}.`);
	}
	if (!nodes.some((node) => node.federation === "Enabled")) {
		return no("NoEnabledNode", "No node has federation Enabled: nothing goes to peers or comes from them.");
	}
	const { host, port } = alias.upstream;
	const upstream = home.aliases?.find((report) => report.domain === domain);
	if (upstream?.reachable === false) {
		const why = upstream.error === undefined ? "" : ` (${upstream.error})`;
		return no(
			"UpstreamUnreachable",
			`Node ${name} does not reach ${host}:${port}${why}, which has the rooms of ${domain}.`,
		);
	}
	const service = seen.services.aliases?.get(alias.name);
	if (alias.direct?.service.type === "LoadBalancer" && service?.ingress.length === 0) {
		const message =
			`Service ${service.name} has no address yet: nothing in this Kubernetes cluster has given its LoadBalancer one. ` +
			"Install a load balancer, or set spec.service.type to NodePort or ClusterIP.";
		return no("NoPublicAddress", message);
	}
	return {
		status: "True",
		reason: "Programmed",
		message: `All ${nodes.length} nodes know ${domain}; node ${name} takes what peers send to it to ${host}:${port}.`,
	};
}

function no(reason: string, message: string): Verdict {
	return { status: "False", reason, message };
}
