import { describe, expect, test } from "vitest";
import type { FederationPolicyStatus } from "../../../src/api/federation-policy.ts";
import { policyDigest, policyOf } from "../../../src/model/policy/compile.ts";
import { denyAll } from "../../../src/model/policy/in-force.ts";
import type { PolicyNode, PolicyObservation } from "../../../src/status/policy-observation.ts";
import { policyStatus } from "../../../src/status/policy-status.ts";

const now = new Date("2026-06-01T12:00:00Z");
const effective = policyOf({
	default: "Allow",
	exceptions: new Map([["a.example", { directions: new Set(["Incoming"] as const), source: "spec.exceptions" }]]),
});
const nodes = (...states: readonly PolicyNode["state"][]): PolicyNode[] =>
	states.map((state, index) => ({ name: `gw-${index + 1}`, state }));
const inForce = (more: object = {}): PolicyObservation["standing"] => ({
	kind: "InForce",
	problems: [],
	effective,
	nodes: nodes("Enforcing", "Enforcing"),
	...more,
});
const bad = { reason: "ConfigMapNotFound", field: "spec.exceptionsFrom[0]", message: "it is not there." } as const;

function status(standing: PolicyObservation["standing"], previous: FederationPolicyStatus = {}) {
	return policyStatus({ generation: 3, federation: "example", standing }, previous, now);
}

const cases: readonly (readonly [string, PolicyObservation["standing"], accepted: string, programmed: string])[] = [
	[
		"of no federation",
		{ kind: "FederationNotFound" },
		"False FederationNotFound There is no XmppFederation example in this namespace. Create it, or delete this policy.",
		"False NotAccepted The policy is not accepted; see the condition Accepted.",
	],
	[
		"beside an older one",
		{ kind: "Conflicted", inForce: "partners", why: "older" },
		"False Conflicted FederationPolicy partners is in force for XmppFederation example: it is older. A federation has one " +
			"policy: delete one of them, or put both into one.",
		"False NotAccepted The policy is not accepted; see the condition Accepted.",
	],
	[
		"beside one of its age",
		{ kind: "Conflicted", inForce: "a", why: "as old and comes first by name" },
		"False Conflicted FederationPolicy a is in force for XmppFederation example: it is as old and comes first by name. A " +
			"federation has one policy: delete one of them, or put both into one.",
		"False NotAccepted The policy is not accepted; see the condition Accepted.",
	],
	[
		"broken",
		inForce({ problems: [bad] }),
		"False ConfigMapNotFound spec.exceptionsFrom[0]: it is not there. What was in force before stays until that is mended.",
		"False NotAccepted The policy is not accepted; see the condition Accepted.",
	],
	[
		"broken, of a new federation",
		inForce({ problems: [bad], effective: denyAll }),
		"False ConfigMapNotFound spec.exceptionsFrom[0]: it is not there. Everything is denied until that is mended.",
		"False NotAccepted The policy is not accepted; see the condition Accepted.",
	],
	[
		"on all nodes",
		inForce(),
		"True Accepted The policy is valid and in force.",
		"True Programmed All 2 nodes enforce it.",
	],
	[
		"on one node",
		inForce({ nodes: nodes("Enforcing", "Pending", "Enforcing") }),
		"True Accepted The policy is valid and in force.",
		"False NodesPending Not yet on gw-2; see the nodes of XmppFederation example.",
	],
	[
		"held by a pause",
		inForce({ nodes: nodes("Enforcing", "Paused") }),
		"True Accepted The policy is valid and in force.",
		"False Paused Not yet on gw-2: roll-outs of XmppFederation example are paused.",
	],
	[
		"held by a pause, with a node that is on its way",
		inForce({ nodes: nodes("Pending", "Paused") }),
		"True Accepted The policy is valid and in force.",
		"False NodesPending Not yet on gw-1, gw-2; see the nodes of XmppFederation example.",
	],
	[
		"that a node refuses",
		inForce({ nodes: [{ name: "gw-1", state: "Pending", failure: "policy-0.list is missing" }, ...nodes("Unknown")] }),
		"True Accepted The policy is valid and in force.",
		"False NodesPending Not yet on gw-1 (policy-0.list is missing); see the nodes of XmppFederation example.",
	],
	[
		"on a node that does not say",
		inForce({ nodes: nodes("Enforcing", "Unknown") }),
		"True Accepted The policy is valid and in force.",
		"Unknown NotReported The federation connection manager of gw-2 has not told the operator what it enforces: it cannot " +
			"be asked, or its image is too old to say so.",
	],
	[
		"of a federation that is not accepted",
		inForce({ nodes: undefined }),
		"True Accepted The policy is valid and in force.",
		"False FederationNotAccepted XmppFederation example is not accepted: see its condition Accepted.",
	],
];

describe("status of a policy", () => {
	test.each(cases)("%s", (_name, standing, accepted, programmed) => {
		const conditions = status(standing).conditions ?? [];
		expect(conditions.map(({ type, observedGeneration }) => [type, observedGeneration])).toEqual([
			["Accepted", 3],
			["Programmed", 3],
		]);
		expect(conditions.map((condition) => `${condition.status} ${condition.reason} ${condition.message}`)).toEqual([
			accepted,
			programmed,
		]);
	});

	test("tells what is enforced and by how many, and of one that is not accepted neither", () => {
		expect(status(inForce({ nodes: nodes("Enforcing", "Pending") }))).toMatchObject({
			observedGeneration: 3,
			exceptions: 1,
			digest: policyDigest(effective.intent),
			programmedNodes: 1,
			nodes: 2,
		});
		for (const standing of [inForce({ problems: [bad] }), { kind: "FederationNotFound" } as const]) {
			expect(Object.keys(status(standing))).toEqual(["observedGeneration", "conditions"]);
		}
	});

	test("of the same is the same later on", () => {
		const first = status(inForce());
		const later = policyStatus(
			{ generation: 3, federation: "example", standing: inForce() },
			first,
			new Date("2026-06-02T12:00:00Z"),
		);
		expect(later).toEqual(first);
	});
});
