import { describe, expect, test } from "vitest";
import { policyDigest, policyOf } from "../../../src/model/policy/compile.ts";
import { nodeRevision } from "../../../src/model/revision.ts";
import type { FederationObservation, NodeObservation } from "../../../src/status/federation-observation.ts";
import { policyNodes } from "../../../src/status/policy-nodes.ts";
import { givenSecrets, modelled, sample } from "../fixtures/federation.ts";

const effective = policyOf({ default: "Deny", exceptions: new Map() });
const digest = policyDigest(effective.intent);
const { intent } = modelled(sample("full"), { ...givenSecrets, policy: { name: "partners", effective } });
/** Two nodes that are Enabled, and one that is not. */
const [gw1, , inside] = intent.nodes.map((node): NodeObservation => {
	const { name, federation } = node;
	return {
		name,
		federation,
		revision: nodeRevision(node),
		ready: true,
		moving: false,
		trouble: "",
		upstream: undefined,
	};
});
if (!gw1 || !inside) throw new Error("the sample has three nodes");

const looks: FederationObservation = {
	generation: 1,
	intent,
	certificate: undefined,
	dialback: "Generated",
	dialbackWaitsFor: [],
	acting: false,
	problems: [],
	obstacles: [],
	nodes: [],
	plan: { steps: [], waiting: [] },
	causes: [],
	warnings: [],
	remarks: [],
	sameDomain: [],
	services: {},
};
const statesOf = (...nodes: readonly NodeObservation[]) =>
	Object.fromEntries((policyNodes({ ...looks, nodes }) ?? []).map(({ name, ...state }) => [name, state]));

describe("a policy at a node", () => {
	const says = { ...gw1, policy: { digest } };
	test.each([
		["says that it enforces it", says, { state: "Enforcing" }],
		["did not say what it enforces", gw1, { state: "Unknown" }],
		["has none yet", { ...gw1, policy: {} }, { state: "Pending" }],
		["has another one", { ...gw1, policy: { digest: "0000000000" } }, { state: "Pending" }],
		[
			"refuses it, with another one in force",
			{ ...gw1, policy: { digest: "0000000000", failure: "it is not whole" } },
			{ state: "Pending", failure: "it is not whole" },
		],
		["is not ready", { ...says, ready: false }, { state: "Pending" }],
		["has an old pod that drains", { ...says, moving: true }, { state: "Pending" }],
		["is to restart for something else", { ...says, revision: "0000000000" }, { state: "Pending" }],
	])("that %s", (_what, node: NodeObservation, expected) => {
		expect(statesOf(node)[gw1.name]).toEqual(expected);
	});

	test("that is not there yet is one that it is waited for", () => {
		expect(statesOf()).toEqual({
			"gw-1": { state: "Pending" },
			"gw-2": { state: "Pending" },
			inside: { state: "Pending" },
		});
	});

	test("that is held by a pause stays as it is, and one that enforces it is held by nothing", () => {
		const waiting = [gw1.name, "gw-2"].map((node) => ({ node, reason: "Paused" as const }));
		const held = policyNodes({ ...looks, plan: { steps: [], waiting }, nodes: [says] });
		expect(held?.map(({ state }) => state)).toEqual(["Enforcing", "Paused", "Pending"]);
	});

	test("that has a router alone is not asked", () => {
		expect(statesOf(inside)).toMatchObject({ inside: { state: "Enforcing" } });
	});

	test("that is removed lets through what it did, until it is gone", () => {
		const leaving = { ...says, name: "gw-9" };
		expect(statesOf(leaving)).toMatchObject({ "gw-9": { state: "Pending" } });
		expect(statesOf({ ...leaving, federation: "Disabled" })).not.toHaveProperty("gw-9");
	});

	test("is not known where it is not known what the federation should be", () => {
		expect(policyNodes({ ...looks, intent: undefined })).toBeUndefined();
	});
});
