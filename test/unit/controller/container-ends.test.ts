import { expect, test } from "vitest";
import { containerEnds } from "../../../src/controller/container-ends.ts";
import type { Pod } from "../../../src/kubernetes/resources.ts";

function pod(node: string, ends: Readonly<Record<string, readonly [reason: string, finishedAt: string] | undefined>>) {
	const containerStatuses = Object.entries(ends).map(([name, end]) => ({
		name,
		image: "",
		imageID: "",
		ready: true,
		restartCount: 1,
		lastState: end ? { terminated: { exitCode: 137, reason: end[0], finishedAt: end[1] } } : {},
	}));
	const labels = { "xmppfed.dev/node": node };
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: node, labels },
		status: { containerStatuses },
	} satisfies Pod;
}

test("each container of each node has its newest end; one that has not ended has none", () => {
	const pods = [
		pod("gw-1", { router: ["OOMKilled", "2026-11-25T12:00:00Z"], federation: undefined }),
		pod("gw-1", { router: ["Error", "2026-11-25T11:00:00Z"], federation: ["Completed", "2026-11-25T11:00:00Z"] }),
		pod("gw-2", { router: ["Error", "2026-11-25T10:00:00Z"] }),
		{ apiVersion: "v1", kind: "Pod", metadata: { name: "new" } },
	];
	expect(containerEnds(pods)).toEqual([
		{ node: "gw-1", container: "router", reason: "OOMKilled", at: new Date("2026-11-25T12:00:00Z") },
		{ node: "gw-1", container: "federation", reason: "Completed", at: new Date("2026-11-25T11:00:00Z") },
		{ node: "gw-2", container: "router", reason: "Error", at: new Date("2026-11-25T10:00:00Z") },
	]);
});

test("what no kubelet says today is no label of a metric", () => {
	const [end] = containerEnds([pod("gw-1", { router: ["some text", "2026-11-25T12:00:00Z"] })]);
	expect(end?.reason).toBe("Other");
});
