import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { viewOf } from "../../../src/cli/federation-view.ts";
import { detailsText, overviewText } from "../../../src/cli/status-text.ts";
import { type Paint, plain } from "../../../src/cli/terminal.ts";

const object = (status: unknown, more: { annotations?: Record<string, string>; generation?: number } = {}) => ({
	apiVersion: "xmppfed.dev/v1alpha1",
	kind: "XmppFederation",
	metadata: { namespace: "chat", name: "example", generation: 3, ...more },
	spec: { domain: "example.com", additionalDomains: ["conference.example.com"] },
	status,
});
/** As an operator wrote it. */
const full: unknown = JSON.parse(readFileSync(new URL("status.json", import.meta.url), "utf8"));
const brackets: Paint = (colour, words) => `<${colour}>${words}</>`;

const rollout = {
	startedAt: "2026-06-01T11:59:00Z",
	done: 1,
	total: 2,
	causes: [
		{
			rule: "R17",
			reason: "UpstreamChanged",
			field: "spec.upstream.port",
			from: "5269",
			to: "5270",
			scope: "Node",
			nodes: ["gw-1", "gw-2"],
		},
		{
			rule: "R16",
			reason: "EnabledNodeAdded",
			field: "spec.nodes[gw-2]",
			scope: "AllNodes",
			nodes: ["gw-1", "gw-2"],
		},
	],
};
const underWay = {
	observedGeneration: 2,
	readyNodes: "1/2",
	enabledNodes: 2,
	conditions: [
		{
			type: "Ready",
			status: "False",
			reason: "NodesNotReady",
			message: "1 of 2.",
			lastTransitionTime: "2026-06-01T12:00:00Z",
		},
		{
			type: "Degraded",
			status: "True",
			reason: "Unreachable",
			message: "No way.",
			lastTransitionTime: "2026-06-01T12:00:00Z",
		},
	],
	nodes: [
		{
			name: "gw-1",
			federation: "Enabled",
			ready: true,
			state: "Current",
			reason: "AsIntended",
			revision: "0123456789",
		},
		{
			name: "gw-2",
			federation: "Enabled",
			ready: false,
			state: "Blocked",
			reason: "PodFailing",
			revision: "0123456789",
			message: "pod x: no image",
		},
	],
	rollout,
};

test("everything that an operator says", async () => {
	await expect(detailsText(viewOf(object(full)), plain)).toMatchFileSnapshot("golden/full.status.txt");
});

test("a roll-out that is under way, paused, of an older generation", async () => {
	const annotations = { "xmppfed.dev/paused": "true", "xmppfed.dev/restart": "gw-1@2026-06-01T11:58:00Z" };
	const view = viewOf(object(underWay, { annotations }));
	await expect(detailsText(view, plain)).toMatchFileSnapshot("golden/rollout.status.txt");
	await expect(detailsText(view, brackets)).toMatchFileSnapshot("golden/rollout.coloured.status.txt");
	expect(overviewText([view], true, plain)).toBe(
		"NAMESPACE  NAME     DOMAIN       NODES  ENABLED  READY  REASON         ROLL-OUT\n" +
			"chat       example  example.com  1/2    2        False  NodesNotReady  1 blocked, paused",
	);
});

test("email addresses: how many, and how far the nodes are", () => {
	const emailAddresses = { mappings: 1202, digest: "0123456789", nodesInForce: 1 };
	expect(detailsText(viewOf(object({ ...underWay, emailAddresses })), plain)).toContain(
		"\nAddresses:  1202 users have one; in force on 1 of 2 nodes\n",
	);
});

describe("a status of another version", () => {
	test("none at all", () => {
		expect(detailsText(viewOf(object(undefined)), plain)).toBe(
			"Federation: example (namespace chat)\n" +
				"Domains:    example.com, conference.example.com\n" +
				"Attention:  the operator has not seen generation 3 yet. Is it running?",
		);
	});

	test.each([[{ nodes: 3, conditions: [{ type: 1 }], rollout: "x" }], ["text"], [{ endpoints: [null] }]])(
		"%j is shown as far as it can be read",
		(status) => {
			expect(detailsText(viewOf(object(status)), plain)).toContain("Domains:    example.com");
		},
	);
});
