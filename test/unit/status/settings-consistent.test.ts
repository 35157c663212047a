import { expect, test } from "vitest";
import { liveRevision, nodeRevision } from "../../../src/model/revision.ts";
import type { FederationObservation, NodeObservation } from "../../../src/status/federation-observation.ts";
import { type FederationOfDomain, settingsConsistent } from "../../../src/status/settings-consistent.ts";
import { givenSecrets, modelled, sample } from "../fixtures/federation.ts";
import { observationOf } from "../fixtures/observation.ts";

const { intent } = modelled(sample("full"), givenSecrets);
const nodes = intent.nodes.map(
	(node): NodeObservation => ({
		name: node.name,
		federation: node.federation,
		revision: nodeRevision(node),
		live: liveRevision(node),
		ready: true,
		moving: false,
		trouble: "",
	}),
);
const verdict = (
	sameDomain: readonly FederationOfDomain[],
	changes: Partial<FederationObservation> = {},
	previous?: Parameters<typeof settingsConsistent>[1],
) =>
	settingsConsistent(
		observationOf(intent, { nodes, plan: { steps: [], waiting: [] }, causes: [], sameDomain, ...changes }),
		previous,
	);

const same: FederationOfDomain = { federation: "east/example", differences: [] };
const other: FederationOfDomain = { federation: "west/example", differences: ["spec.security.mode"] };
const unread: FederationOfDomain = { federation: "north/example", differences: "NotRead" };
const unusable: FederationOfDomain = { federation: "south/example", differences: "NotAccepted" };
const behind = { nodes: nodes.map((node, index) => (index === 0 ? { ...node, revision: "earlier" } : node)) };

test.each<[string, FederationOfDomain[], Partial<FederationObservation>, string, string]>([
	["it is the only one", [], {}, "True OnlyFederation", "no other federation of example.com"],
	["another has the same", [same], {}, "True Same", "XmppFederation east/example of example.com"],
	["another differs", [same, other], {}, "False FederationsDiffer", "west/example differs in spec.security.mode."],
	["another differs and a node is behind", [other], behind, "False FederationsDiffer", "west/example"],
	["a node is behind", [same], behind, "False NodesBehind", "Node gw-1 runs earlier settings"],
	[
		"a node is gone that is not wanted any more",
		[same],
		{ nodes: nodes.map((node) => ({ ...node, name: `old-${node.name}` })) },
		"True Same",
		"",
	],
	["another has not been looked at", [unread], {}, "Unknown NotCompared", "have not been looked at yet"],
	["another is not accepted", [unusable], {}, "Unknown OtherNotAccepted", "south/example of example.com is not"],
	["it is not accepted itself", [other], { intent: undefined }, "Unknown NotAccepted", ""],
])("where %s", (_what, sameDomain, changes, expected, message) => {
	const found = verdict(sameDomain, changes);
	expect(`${found.status} ${found.reason}`).toBe(expected);
	expect(found.message).toContain(message);
});

test("what was said before stands while others have not been looked at", () => {
	const before = { status: "False", reason: "FederationsDiffer", message: "as it was" } as const;
	expect(verdict([unread], {}, before)).toBe(before);
	expect(verdict([unread, other], {}, before).message).toContain("west/example");
});

test("of many fields some are named", () => {
	const differences = Array.from({ length: 20 }, (_, index) => `spec.peers[${index}]`);
	expect(verdict([{ federation: "a/b", differences }]).message).toContain("spec.peers[11] and 8 more.");
});
