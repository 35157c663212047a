import { apiVersion } from "../../../src/api/group.ts";
import { denyAll } from "../../../src/model/policy/in-force.ts";
import type { Problem } from "../../../src/model/problem.ts";
import type { PolicyNode, PolicyObservation } from "../../../src/status/policy-observation.ts";
import { policyStatus } from "../../../src/status/policy-status.ts";
import { now } from "../../unit/fixtures/federation.ts";
import { conditionsOf, type Resource, type State, state } from "./state.ts";

const federation = "example";

function policy(standing: PolicyObservation["standing"] | undefined, generation = 3): Resource {
	return {
		apiVersion,
		kind: "FederationPolicy",
		metadata: { name: "partners", namespace: "chat", generation: 3 },
		spec: { federationRef: { name: federation }, default: "Deny", exceptions: [{ domain: "partner.example" }] },
		...(standing && { status: conditionsOf(policyStatus({ generation, federation, standing }, {}, now)) }),
	};
}

function inForce(
	nodes: readonly PolicyNode[] | undefined,
	problems: readonly Problem[] = [],
): PolicyObservation["standing"] {
	return { kind: "InForce", problems, effective: denyAll, nodes };
}

const on = (second: PolicyNode["state"]): readonly PolicyNode[] => [
	{ name: "gw-1", state: "Enforcing" },
	{ name: "gw-2", state: second },
];
const missing: Problem = {
	reason: "ConfigMapNotFound",
	field: "spec.exceptionsFrom[0].configMapRef",
	message: 'ConfigMap "more-partners" does not exist in this namespace.',
};

export const policyStates: readonly State[] = [
	state("Progressing", "new", "The operator has not looked at this generation yet.", policy(undefined)),
	state(
		"Progressing",
		"older_generation",
		"The operator has not looked at this generation yet.",
		policy(inForce(on("Enforcing")), 2),
	),
	state(
		"Progressing",
		"before_its_federation",
		"There is no XmppFederation example in this namespace.",
		policy({ kind: "FederationNotFound" }),
	),
	state("Progressing", "nodes_pending", "Not yet on gw-2", policy(inForce(on("Pending")))),
	state("Progressing", "not_reported", "has not told the operator what it enforces", policy(inForce(on("Unknown")))),
	state("Progressing", "federation_not_accepted", "XmppFederation example is not accepted", policy(inForce(undefined))),
	state("Suspended", "paused", "roll-outs of XmppFederation example are paused", policy(inForce(on("Paused")))),
	state(
		"Degraded",
		"conflicted",
		"FederationPolicy older is in force for XmppFederation example",
		policy({ kind: "Conflicted", inForce: "older", why: "older" }),
	),
	state("Degraded", "list_missing", 'ConfigMap "more-partners" does not exist', policy(inForce(undefined, [missing]))),
	state("Healthy", "programmed", "All 2 nodes enforce it.", policy(inForce(on("Enforcing")))),
];
