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
const live: NodeIntent = { ...documented, strategy: "Live" };

/** The node with another value of a part. */
function changed(node: NodeIntent, part: string): NodeIntent {
	const [name = "", inner] = part.split(".");
	const { secrets: digests } = node;
	return { ...node, [name]: inner === undefined ? { other: true } : { ...digests, [inner]: "other" } };
}

/** Reasons by which changes are told, by the part that changes. */
const reasons = new Map([
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

test("an intent is its live parts and the others", () => {
	const { certificate, ...others } = live.secrets;
	expect(liveOf(live)).toEqual({ secrets: { certificate } });
	expect(withoutLive(live)).toEqual({ ...live, secrets: others });
	expect(liveOf({ name: "gw-1", secrets: "gone" })).toEqual({});
});
