import type { FederationIntent } from "../../../src/model/intent.ts";
import { rolloutOrders } from "../../../src/model/rollout-orders.ts";
import { plan } from "../../../src/rollout/plan.ts";
import type { FederationObservation } from "../../../src/status/federation-observation.ts";
import { federationStatus } from "../../../src/status/federation-status.ts";
import { modelled, now, sample } from "../../unit/fixtures/federation.ts";
import { desiredNodes, observationOf, runningNodes } from "../../unit/fixtures/observation.ts";
import { conditionsOf, type Resource, type State, state } from "./state.ts";

const federation = sample("smallest", (spec) => {
	spec.nodes = [
		{ name: "gw-1", federation: "Enabled" },
		{ name: "gw-2", federation: "Enabled" },
	];
});
const { intent, certificate } = modelled(federation);
const given = { ...certificate, source: "Given", findings: [] } as const;
const services = { public: { name: "example-public", ingress: ["192.0.2.5"] } };
const running = (changes: Parameters<typeof runningNodes>[1] = {}) => runningNodes(intent, changes);
const seen = (changes: Partial<FederationObservation> = {}) =>
	observationOf(intent, { certificate: given, services, ...changes });

type Annotations = Readonly<Record<string, string>>;

function ofFederation(status: Resource["status"], annotations?: Annotations): Resource {
	const { apiVersion, kind, spec } = federation;
	const { name, namespace, generation } = federation.metadata;
	return {
		apiVersion,
		kind,
		metadata: { name, namespace, generation, ...(annotations && { annotations }) },
		spec,
		...(status && { status }),
	};
}

/** As the operator sees and tells it. @param before what it told before */
function federated(changes: Partial<FederationObservation>, annotations?: Annotations, before = {}): Resource {
	return ofFederation(conditionsOf(federationStatus(seen(changes), before, now)), annotations);
}

/** With nodes that are at an older revision, as the planner has them go. */
function due(annotations: Annotations = {}, wanted: FederationIntent = intent): Partial<FederationObservation> {
	const { orders } = rolloutOrders({ ...federation, metadata: { ...federation.metadata, annotations } }, now);
	const nodes = running({ "gw-1": { revision: "older" }, "gw-2": { revision: "older" } });
	return { intent: wanted, nodes, plan: plan(desiredNodes(wanted), nodes, orders) };
}

const paused = { "xmppfed.dev/paused": "true" };
const unclear = { "xmppfed.dev/paused": "yes" };
const unreachable = { upstream: { reachable: false, error: "connection refused" } };
const noneEnabled = {
	...intent,
	nodes: intent.nodes.map((node) => ({ ...node, federation: "Disabled" as const, published: false })),
};
const refused = (
	reason: "SecretNotFound" | "CertificateNotIssued",
	message: string,
): Partial<FederationObservation> => ({
	intent: undefined,
	problems: [{ reason, field: "spec.security.certificate", message }],
});
const inside = { ...intent, internalService: { ...intent.internalService, type: "LoadBalancer" as const } };

export const federationStates: readonly State[] = [
	state("Progressing", "new", "The operator has not looked at this generation yet.", ofFederation(undefined)),
	state(
		"Progressing",
		"older_generation",
		"The operator has not looked at this generation yet.",
		federated({ generation: 2 }),
	),
	state(
		"Progressing",
		"first_nodes",
		"gw-1 Pending (is being created)",
		federated({ nodes: [], plan: plan(desiredNodes(intent), []) }),
	),
	state(
		"Progressing",
		"roll_out",
		"gw-1 Restarting",
		// Ready and Degraded are still those of the generation before.
		federated({ ...due(), acting: true }, undefined, federationStatus(seen({ generation: 2 }), {}, now)),
	),
	state(
		"Progressing",
		"repair",
		"gw-1 Restarting",
		federated(
			{ ...due(), acting: true },
			undefined,
			federationStatus(seen({ generation: 2, nodes: running({ "gw-1": unreachable }) }), {}, now),
		),
	),
	state(
		"Progressing",
		"pod_starting",
		"its pod is starting",
		federated({ nodes: running({ "gw-1": { ready: false } }) }),
	),
	state(
		"Progressing",
		"paused_in_a_restart",
		"its old pod is draining",
		federated({ nodes: running({ "gw-1": { moving: true } }) }, paused),
	),
	state("Progressing", "dialback_rotation", "A new dialback secret", federated({ dialbackWaitsFor: ["gw-2"] })),
	state(
		"Progressing",
		"certificate_not_issued",
		'Certificate "example" is not issued',
		federated(refused("CertificateNotIssued", 'Certificate "example" is not issued: cert-manager is at it.')),
	),
	state(
		"Progressing",
		"no_public_address",
		"A public Service has no address yet",
		federated({ services: { public: { name: "example-public", ingress: [] } } }),
	),
	state(
		"Progressing",
		"no_internal_address",
		"A Service for the internal server has no address yet",
		federated({ intent: inside, services: { ...services, internal: { name: "example-internal", ingress: [] } } }),
	),
	state(
		"Degraded",
		"not_accepted",
		'Secret "tls" does not exist',
		federated(refused("SecretNotFound", 'Secret "tls" does not exist in this namespace.')),
	),
	state(
		"Degraded",
		"object_conflict",
		"belongs to somebody else",
		federated({ obstacles: [{ reason: "ObjectConflict", field: "", message: "Service x belongs to somebody else." }] }),
	),
	state(
		"Degraded",
		"upstream_unreachable",
		"connection refused",
		federated({ nodes: running({ "gw-1": unreachable, "gw-2": unreachable }) }),
	),
	state(
		"Degraded",
		"while_paused",
		"connection refused",
		federated({ nodes: running({ "gw-1": unreachable, "gw-2": unreachable }) }, paused),
	),
	state(
		"Degraded",
		"pod_failing",
		"CrashLoopBackOff",
		federated({ nodes: running({ "gw-1": { ready: false, trouble: "pod gw-1: CrashLoopBackOff" } }) }),
	),
	state(
		"Degraded",
		"settings_refused",
		"node gw-1 goes on with the settings before",
		federated({
			nodes: running({ "gw-1": { takeOver: { state: "Refused", message: "goes on with the settings before" } } }),
		}),
	),
	state(
		"Degraded",
		"certificate_expired",
		"it has expired",
		federated({ certificate: { ...given, findings: [{ reason: "Expired", message: "it has expired" }] } }),
	),
	state(
		"Degraded",
		"unclear_annotation",
		"metadata.annotations[xmppfed.dev/paused]",
		federated(
			{
				remarks: rolloutOrders({ ...federation, metadata: { ...federation.metadata, annotations: unclear } }, now)
					.problems,
			},
			unclear,
		),
	),
	state("Suspended", "paused", "None is waiting.", federated({}, paused)),
	state(
		"Suspended",
		"paused_with_nodes_waiting",
		"waits because the annotation xmppfed.dev/paused is set",
		federated(due(paused), paused),
	),
	state(
		"Suspended",
		"no_enabled_node_would_be_left",
		'set the annotation xmppfed.dev/allow-outage: "3"',
		federated(due({}, noneEnabled)),
	),
	state("Healthy", "all_nodes_ready", "All 2 nodes are ready.", federated({})),
	state(
		"Healthy",
		"self_signed",
		"But: The certificate is self-signed",
		federated({ certificate: { ...given, source: "SelfSigned" } }),
	),
	state(
		"Healthy",
		"no_enabled_node",
		"no node has federation Enabled",
		federated(observationOf(noneEnabled, { certificate: given, services })),
	),
];
