import { aliasNodes, unlinkedNodes } from "./alias-nodes.ts";
import type { AcceptedStanding, AliasObservation } from "./alias-observation.ts";
import { type Reasons, type Verdict, verdicts } from "./condition.ts";

export const aliasProgrammedReasons = {
	Programmed: "True",
	NodeNotReady: "False",
	UpstreamUnreachable: "False",
	DomainNotServed: "False",
	NoPublicAddress: "False",
	NodesPending: "False",
	LinksDown: "False",
	Paused: "False",
	NoEnabledNode: "False",
	NotAccepted: "False",
	FederationNotAccepted: "False",
} as const satisfies Reasons;

const verdict = verdicts(aliasProgrammedReasons);

/** Programmed: every node knows the alias, and peers can reach its chat node and the internal server behind that. */
export function aliasProgrammed({ standing, federation }: AliasObservation): Verdict {
	if (standing.kind !== "Accepted") {
		return verdict("NotAccepted", "The alias is not accepted; see the condition Accepted.");
	}
	return programmed(standing, federation);
}

function programmed({ seen, alias }: AcceptedStanding, federation: string): Verdict {
	if (!alias) {
		return verdict(
			"FederationNotAccepted",
			`XmppFederation ${federation} is not accepted: see its condition Accepted.`,
		);
	}
	const { domain, node: name } = alias;
	const home = seen.nodes.find((node) => node.name === name);
	const nodes = seen.intent?.nodes ?? [];
	if (!home?.ready) {
		const keeper = nodes.find((node) => node.name !== name && node.aliases?.[domain]?.here);
		const meanwhile = keeper ? `goes to node ${keeper.name}` : "is answered with an error";
		return verdict("NodeNotReady", `Node ${name} is not ready: what is sent to ${domain} ${meanwhile} until it is.`);
	}
	const pending = aliasNodes(seen).filter(({ state }) => state !== "Serving");
	if (pending.length > 0) {
		const names = pending.map((node) => node.name).join(", ");
		if (pending.every(({ state }) => state === "Paused")) {
			return verdict("Paused", `Not yet on ${names}: roll-outs of XmppFederation ${federation} are paused.`);
		}
		return verdict("NodesPending", `Not yet on ${names}; see the nodes of XmppFederation ${federation}.`);
	}
	if (!nodes.some((node) => node.federation === "Enabled")) {
		return verdict("NoEnabledNode", "No node has federation Enabled: nothing goes to peers or comes from them.");
	}
	const unlinked = unlinkedNodes(seen, name);
	if (unlinked.length > 0) {
		return verdict(
			"LinksDown",
			`The router of node ${name} has no link to ${unlinked.join(", ")} yet: what peers send to ${domain} by there is ` +
				"answered with an error.",
		);
	}
	const { host, port } = alias.upstream;
	const upstream = home.aliases?.find((report) => report.domain === domain);
	if (upstream?.reachable === false) {
		const why = upstream.error === undefined ? "" : ` (${upstream.error})`;
		return verdict(
			"UpstreamUnreachable",
			`Node ${name} does not reach ${host}:${port}${why}, which has the rooms of ${domain}.`,
		);
	}
	if (upstream?.served === false) {
		return verdict(
			"DomainNotServed",
			`The server at ${host}:${port} does not serve ${domain}: it answers host-unknown to node ${name}. ` +
				"Set the domain up there, with its rooms, or name the right server in spec.upstream.",
		);
	}
	const service = seen.services.aliases?.get(alias.name);
	if (alias.direct?.service.type === "LoadBalancer" && service?.ingress.length === 0) {
		const message =
			`Service ${service.name} has no address yet: nothing in this Kubernetes cluster has given its LoadBalancer one. ` +
			"Install a load balancer, or set spec.service.type to NodePort or ClusterIP.";
		return verdict("NoPublicAddress", message);
	}
	return verdict(
		"Programmed",
		`All ${nodes.length} nodes know ${domain}; node ${name} takes what peers send to it to ${host}:${port}.`,
	);
}
