import { apiVersion } from "../../../src/api/group.ts";
import type { AliasObservation } from "../../../src/status/alias-observation.ts";
import { aliasStatus } from "../../../src/status/alias-status.ts";
import type { FederationObservation } from "../../../src/status/federation-observation.ts";
import { modelled, now, sample } from "../../unit/fixtures/federation.ts";
import { observationOf, runningNodes } from "../../unit/fixtures/observation.ts";
import { conditionsOf, type Resource, type State, state } from "./state.ts";

const federationRef = { name: "example" };
const spec = {
	federationRef,
	alias: "rooms.example.com",
	node: "gw-1",
	exposure: "Direct" as const,
	hostname: "rooms.edge.example.com",
};
const name = "rooms";
const { intent } = modelled(sample("smallest"), { aliases: [{ name, domain: spec.alias, spec }] });
const services = { aliases: new Map([[name, { name: "example-rooms", ingress: ["192.0.2.12"] }]]) };

function alias(standing: AliasObservation["standing"] | undefined, generation = 3): Resource {
	const observation = standing && { generation, federation: federationRef.name, standing };
	return {
		apiVersion,
		kind: "ChatNodeAlias",
		metadata: { name, namespace: "chat", generation: 3 },
		spec,
		...(observation && { status: conditionsOf(aliasStatus(observation, {}, now)) }),
	};
}

function served(changes: Partial<FederationObservation> = {}): AliasObservation["standing"] {
	const seen = observationOf(intent, { services, ...changes });
	return { kind: "Accepted", warnings: [], seen, alias: seen.intent?.aliases?.[0] };
}

const noneEnabled = { ...intent, nodes: intent.nodes.map((node) => ({ ...node, federation: "Disabled" as const })) };
const unreachable = { domain: spec.alias, reachable: false, error: "connection refused" };
const unknown = { domain: spec.alias, reachable: true, served: false };

export const aliasStates: readonly State[] = [
	state("Progressing", "new", "The operator has not looked at this generation yet.", alias(undefined)),
	state("Progressing", "older_generation", "The operator has not looked at this generation yet.", alias(served(), 2)),
	state(
		"Progressing",
		"before_its_federation",
		"There is no XmppFederation example in this namespace.",
		alias({ kind: "FederationNotFound" }),
	),
	state(
		"Progressing",
		"federation_not_accepted",
		"XmppFederation example is not accepted",
		alias(served({ intent: undefined })),
	),
	state(
		"Progressing",
		"node_not_ready",
		"Node gw-1 is not ready",
		alias(served({ nodes: runningNodes(intent, { "gw-1": { ready: false } }) })),
	),
	state(
		"Progressing",
		"nodes_pending",
		"Not yet on gw-1",
		alias(served({ nodes: runningNodes(intent, { "gw-1": { revision: "older" } }) })),
	),
	state(
		"Progressing",
		"no_public_address",
		"Service example-rooms has no address yet",
		alias(served({ services: { aliases: new Map([[name, { name: "example-rooms", ingress: [] }]]) } })),
	),
	state(
		"Suspended",
		"paused",
		"roll-outs of XmppFederation example are paused",
		alias(
			served({
				nodes: runningNodes(intent, { "gw-1": { revision: "older" } }),
				plan: { steps: [], waiting: [{ node: "gw-1", reason: "Paused" }] },
			}),
		),
	),
	state(
		"Degraded",
		"conflicted",
		"rooms.example.com is taken",
		alias({
			kind: "Refused",
			problems: [{ reason: "Conflicted", field: "spec.alias", message: "rooms.example.com is taken." }],
		}),
	),
	state(
		"Degraded",
		"node_not_found",
		"there is no node gw-1",
		alias({
			kind: "Refused",
			problems: [{ reason: "NodeNotFound", field: "spec.node", message: "there is no node gw-1." }],
		}),
	),
	state(
		"Degraded",
		"upstream_unreachable",
		"connection refused",
		alias(served({ nodes: runningNodes(intent, { "gw-1": { aliases: [unreachable] } }) })),
	),
	state(
		"Degraded",
		"domain_not_served",
		"does not serve rooms.example.com",
		alias(served({ nodes: runningNodes(intent, { "gw-1": { aliases: [unknown] } }) })),
	),
	state(
		"Degraded",
		"no_enabled_node",
		"No node has federation Enabled",
		alias(served(observationOf(noneEnabled, { services }))),
	),
	state("Healthy", "programmed", "All 1 nodes know rooms.example.com", alias(served())),
];
