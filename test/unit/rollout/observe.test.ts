import { describe, expect, test } from "vitest";
import { type DeploymentView, observeNodes, type PodView } from "../../../src/rollout/observe.ts";

const now = new Date("2026-01-01T00:00:30Z");
const labels = { "xmppfed.dev/node": "gw-1", "xmppfed.dev/node-federation": "Enabled" };
const deployment = (
	revision: string,
	more: Partial<DeploymentView["metadata"]> = {},
	observedGeneration = 2,
): DeploymentView => ({
	metadata: { name: "d", generation: 2, labels, annotations: { "xmppfed.dev/revision": revision }, ...more },
	status: { observedGeneration },
});
const pod = (
	name: string,
	revision: string,
	ready: boolean,
	more: { leaving?: true; phase?: string; status?: PodView["status"] } = {},
): PodView => ({
	metadata: {
		name,
		labels,
		annotations: { "xmppfed.dev/revision": revision },
		...(more.leaving && { deletionTimestamp: "2026-01-01T00:00:00Z" }),
	},
	status: {
		phase: more.phase ?? "Running",
		conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
		...more.status,
	},
});

/** Should have ended two minutes ago. */
const lost = (view: PodView): PodView => ({
	...view,
	metadata: { ...view.metadata, deletionTimestamp: "2025-12-31T23:58:30Z" },
});

describe("a node", () => {
	test.each<[string, DeploymentView, PodView[], { ready: boolean; moving: boolean; crowded?: boolean }]>([
		["runs its revision", deployment("2"), [pod("a", "2", true)], { ready: true, moving: false }],
		["has no pod", deployment("2"), [], { ready: false, moving: false }],
		["has a pod that is not ready", deployment("2"), [pod("a", "2", false)], { ready: false, moving: false }],
		[
			"has a ready pod of the old revision only",
			deployment("2"),
			[pod("a", "1", true)],
			{ ready: false, moving: true },
		],
		[
			"starts the new one beside the old one",
			deployment("2"),
			[pod("a", "1", true), pod("b", "2", false)],
			{ ready: false, moving: true },
		],
		[
			"waits for the old one to drain",
			deployment("2"),
			[pod("a", "1", true, { leaving: true }), pod("b", "2", true)],
			{ ready: true, moving: true },
		],
		[
			"was changed and the Deployment controller has not acted",
			deployment("2", {}, 1),
			[pod("a", "2", true)],
			{ ready: true, moving: true },
		],
		[
			"was put back to its revision, and has no pod of that yet",
			{ ...deployment("2"), status: { observedGeneration: 2, replicas: 1 } },
			[pod("a", "2", true)],
			{ ready: true, moving: true, crowded: true },
		],
		[
			"somebody scaled up by hand",
			deployment("2"),
			[pod("a", "2", true), pod("b", "2", true)],
			{ ready: true, moving: true, crowded: true },
		],
		[
			"has all its pods of the newest template",
			{ ...deployment("2"), status: { observedGeneration: 2, replicas: 1, updatedReplicas: 1 } },
			[pod("a", "2", true)],
			{ ready: true, moving: false },
		],
		[
			"replaces a pod that somebody deleted",
			deployment("2"),
			[pod("a", "2", true, { leaving: true }), pod("b", "2", true)],
			{ ready: true, moving: true },
		],
		[
			"has evicted pods lying about",
			deployment("2"),
			[pod("a", "2", false, { phase: "Failed" }), pod("b", "2", true)],
			{ ready: true, moving: false },
		],
		[
			"has a pod on a Kubernetes node that is gone",
			deployment("2"),
			[lost(pod("a", "2", true)), pod("b", "2", true)],
			{ ready: true, moving: false },
		],
		[
			"is being removed",
			deployment("2", { deletionTimestamp: "2026-01-01T00:00:00Z" }),
			[pod("a", "2", true)],
			{ ready: false, moving: true },
		],
	])("that %s", (_what, object, pods, expected) => {
		expect(observeNodes([object], pods, now)).toEqual([
			expect.objectContaining({ name: "gw-1", federation: "Enabled", revision: "2", ...expected }),
		]);
		expect(observeNodes([object], pods, now)[0]?.crowded ?? false).toBe(expected.crowded ?? false);
	});

	test("does not count pods of other nodes", () => {
		const other = {
			...pod("x", "2", true),
			metadata: { ...pod("x", "2", true).metadata, labels: { "xmppfed.dev/node": "gw-2" } },
		};
		expect(observeNodes([deployment("2")], [other], now)).toEqual([expect.objectContaining({ ready: false })]);
	});
});

describe("trouble", () => {
	const waiting = (reason: string, message?: string) => ({
		containerStatuses: [
			{
				name: "router",
				image: "gateway:1",
				ready: false,
				restartCount: 0,
				state: { waiting: { reason, ...(message && { message }) } },
			},
		],
	});
	test.each<[string, PodView["status"], RegExp]>([
		["none while a pod starts", waiting("ContainerCreating"), /^$/],
		[
			"an image that is not there",
			waiting("ImagePullBackOff", "not found"),
			/^pod a: container router: the image gateway:1 cannot be pulled$/,
		],
		[
			"a process that ends again and again",
			{
				containerStatuses: [
					{ name: "router", ready: false, restartCount: 3, lastState: { terminated: { exitCode: 1 } } },
				],
			},
			/^pod a: container router keeps ending \(exit code 1\); kubectl logs/,
		],
		[
			"an image that is older than its configuration",
			{
				containerStatuses: [
					{
						name: "router",
						image: "gateway:0",
						ready: false,
						restartCount: 3,
						lastState: { terminated: { exitCode: 78 } },
					},
				],
			},
			/^pod a: container router: the image gateway:0 is older than the operator .*set spec\.image to an image of the/,
		],
		[
			"no Kubernetes node",
			{ conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes" }] },
			/^pod a: cannot be scheduled: 0\/3 nodes$/,
		],
	])("%s", (_what, status, expected) => {
		const [node] = observeNodes([deployment("2")], [pod("a", "2", false, { status })], now);
		expect(node?.trouble).toMatch(expected);
	});

	test("a quota that lets no pod be made", () => {
		const conditions = [{ type: "ReplicaFailure", status: "True", message: "exceeded quota" }];
		const object = { ...deployment("2"), status: { observedGeneration: 2, conditions } };
		expect(observeNodes([object], [], now)[0]?.trouble).toBe("no pod could be made: exceeded quota");
	});
});
