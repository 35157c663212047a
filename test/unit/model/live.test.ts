import { describe, expect, test } from "vitest";
import type { NodeIntent } from "../../../src/model/intent.ts";
import { liveOf, liveParts, withoutLive } from "../../../src/model/live.ts";
import { liveRevision, nodeRevision } from "../../../src/model/revision.ts";
import { nodeConfiguration } from "../../../src/objects/node-configuration.ts";
import { nodeDeployment } from "../../../src/objects/node-deployment.ts";
import { nodeSecret } from "../../../src/objects/node-secret.ts";
import { intentFields, secretFields } from "../../../src/rollout/intent-fields.ts";
import { restartReasons } from "../../../src/rollout/reasons.ts";
import { modelled, sample } from "../fixtures/federation.ts";

const { intent, secrets } = modelled(sample("smallest"));
const [documented] = intent.nodes;
if (!documented) throw new Error("the sample has no node");
const live: NodeIntent = { ...documented, strategy: "Live", liveAliases: true };

/** The node with another value of a part. */
function changed(node: NodeIntent, part: string): NodeIntent {
	const [name = "", inner] = part.split(".");
	const { secrets: digests } = node;
	return { ...node, [name]: inner === undefined ? { other: true } : { ...digests, [inner]: "other" } };
}

/** Reasons by which changes are told, by the part that changes. */
const reasons = new Map([
	["aliases", "AliasChanged"] as const,
	...Object.entries(intentFields).map(([name, { reason }]) => [name, reason] as const),
	...Object.entries(secretFields).map(([name, { reason }]) => [`secrets.${name}`, reason] as const),
]);

describe.each(liveParts)("%s", (part) => {
	test("is told by a reason that says so, and what is told by that reason is one", () => {
		const reason = reasons.get(part);
		expect(reason && restartReasons[reason].live).toBe(true);
	});

	test("restarts a node with the strategy Documented", () => {
		expect(nodeRevision(changed(documented, part))).not.toBe(nodeRevision(documented));
		expect(liveRevision(documented)).toBeUndefined();
	});

	test("restarts no node with the strategy Live: it is in nothing but its live objects", () => {
		const other = changed(live, part);
		expect(nodeRevision(other)).toBe(nodeRevision(live));
		expect(liveRevision(other)).not.toBe(liveRevision(live));
		expect(nodeConfiguration(intent, other)).toEqual(nodeConfiguration(intent, live));
		expect(nodeDeployment(intent, other)).toEqual(nodeDeployment(intent, live));
		const pair = { certificate: "b3RoZXI=", key: "b3RoZXI=" };
		const otherSecrets = { ...secrets, certificate: pair, trustedCAs: "b3RoZXI=" };
		expect(nodeSecret(intent, other, otherSecrets)).toEqual(nodeSecret(intent, live, secrets));
	});
});

test("what is told by a reason that is live is live in all its parts", () => {
	const told = [...reasons].filter(([, reason]) => restartReasons[reason].live).map(([part]) => part);
	expect(told.toSorted()).toEqual([...liveParts].toSorted());
});

describe("aliases with the strategy Live", () => {
	const rooms = (domain: string) => {
		const spec = { federationRef: { name: "example" }, alias: domain, node: "gw-1" };
		return { name: domain, domain, spec };
	};
	/** What the node should run, where its Deployment asks for a revision. */
	const wanted = (aliases: readonly string[], running?: string) => {
		const federation = sample("smallest", (spec) => (spec.rollout = { strategy: "Live" }));
		const runningRevisions = new Map(running === undefined ? [] : [["gw-1", running]]);
		const [node] = modelled(federation, { aliases: aliases.map(rooms), runningRevisions }).intent.nodes;
		if (!node) throw new Error("the sample has no node");
		return node;
	};
	/** As an operator made it that did not know of live aliases. */
	const madeBefore = (aliases: readonly string[]) => {
		const { liveAliases: _sign, ...node } = wanted(aliases);
		return node;
	};

	test("are live at a new node, also where it has none yet", () => {
		const [none, one] = [wanted([]), wanted(["rooms.example.com"])];
		expect([none.liveAliases, one.liveAliases]).toEqual([true, true]);
		expect(nodeRevision(one)).toBe(nodeRevision(none));
		expect(wanted(["rooms.example.com"], nodeRevision(none))).toEqual(one);
	});

	test.each([[[]], [["rooms.example.com"]]])(
		"leave a node of an earlier operator as it is, with %j, until it restarts for another reason",
		(aliases) => {
			const before = madeBefore(aliases);
			expect(wanted(aliases, nodeRevision(before))).toEqual(before);
			expect(liveOf(before)).not.toHaveProperty("aliases");
			const after = wanted(["other.example.com"], nodeRevision(before));
			expect(after.liveAliases).toBe(true);
			expect(nodeRevision(after)).not.toBe(nodeRevision(before));
		},
	);
});

test("an intent is its live parts and the others", () => {
	const { certificate, ...others } = live.secrets;
	expect(liveOf(live)).toEqual({ secrets: { certificate } });
	expect(withoutLive(live)).toEqual({ ...live, secrets: others });
	expect(liveOf({ name: "gw-1", secrets: "gone" })).toEqual({});
});
