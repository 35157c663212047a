import { expect, test } from "vitest";
import { type GatewayPod, gatewayPods, nodeOf } from "../../deploy/demo/gateway-status.ts";
import type { Kubectl } from "../../deploy/demo/kubectl.ts";
import { federationReady, type LiveFederation } from "../../deploy/demo/stage.ts";
import { useNamespace } from "../lib/cluster/environment.ts";
import { apply, standAlone } from "../lib/cluster/federation.ts";
import { upstreams } from "../lib/cluster/upstream.ts";

const stage = useNamespace("restart");

test("a change of one node's settings restarts that node and no other (R17)", async () => {
	const { kubectl, namespace } = stage;
	const name = "one-node";
	const resource = standAlone(namespace, name);
	await apply(kubectl, resource);
	await federationReady(kubectl, namespace, name);
	const before = await uids(kubectl, name);

	const nodes = resource.spec.nodes.map((node) =>
		node.name === "gw-2" ? { ...node, resources: { requests: { cpu: "15m" } } } : node,
	);
	await apply(kubectl, { ...resource, spec: { ...resource.spec, nodes } });
	await federationReady(kubectl, namespace, name);
	const after = await uids(kubectl, name);
	expect(after.get("gw-1")).toBe(before.get("gw-1"));
	expect(after.get("gw-2")).not.toBe(before.get("gw-2"));
	expect(after.get("gw-3")).toBe(before.get("gw-3"));
});

test("a change of every node restarts one node at a time, and each keeps a ready pod", async () => {
	const { kubectl, namespace } = stage;
	const name = "every-node";
	const resource = standAlone(namespace, name);
	await apply(kubectl, resource);
	await federationReady(kubectl, namespace, name);
	const before = await uids(kubectl, name);

	await apply(kubectl, {
		...resource,
		spec: { ...resource.spec, upstream: upstreams.other },
	});
	const restartedAtOnce: string[][] = [];
	const withoutReadyPod: string[] = [];
	const watch = new AbortController();
	const watching = (async () => {
		while (!watch.signal.aborted) {
			const live = await kubectl.find<LiveFederation>("xmppfederation", name, namespace);
			const restarting = (live?.status?.nodes ?? []).filter(({ state }) => state === "Restarting");
			restartedAtOnce.push(restarting.map((node) => node.name));
			const ready = new Set((await pods(kubectl, name)).filter(isReady).map(nodeOf));
			withoutReadyPod.push(...["gw-1", "gw-2", "gw-3"].filter((node) => !ready.has(node)));
		}
	})();
	try {
		await federationReady(kubectl, namespace, name);
	} finally {
		watch.abort();
		await watching;
	}
	const after = await uids(kubectl, name);
	expect([...after].filter(([node, uid]) => before.get(node) === uid)).toEqual([]);
	expect(new Set(restartedAtOnce.flat())).toEqual(new Set(["gw-1", "gw-2", "gw-3"]));
	expect(restartedAtOnce.filter((nodes) => nodes.length > 1)).toEqual([]);
	expect(withoutReadyPod).toEqual([]);
});

async function pods(kubectl: Kubectl, federation: string): Promise<readonly GatewayPod[]> {
	return await gatewayPods(kubectl, stage.namespace, federation);
}

async function uids(kubectl: Kubectl, federation: string): Promise<ReadonlyMap<string, string | undefined>> {
	return new Map((await pods(kubectl, federation)).map((pod) => [nodeOf(pod), pod.metadata.uid]));
}

function isReady({ status }: GatewayPod): boolean {
	return status.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
}
