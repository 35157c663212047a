import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Kubectl, KubernetesObject } from "../../deploy/demo/kubectl.ts";
import { OPERATOR_NAMESPACE } from "../../deploy/demo/operator.ts";
import { federationReady, type LiveFederation } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { run } from "../../deploy/lib/commands.ts";
import { images, useNamespace } from "../lib/cluster/environment.ts";
import { apply, condition, standAlone } from "../lib/cluster/federation.ts";
import { RestartWatch } from "../lib/cluster/restart-watch.ts";
import { upstreams } from "../lib/cluster/upstream.ts";

/** Faults during a roll-out of three nodes. What has no need of pods is in test/apiserver, at every write: killed, outage. */
const stage = useNamespace("faults");
const name = "faulty";
const all = ["gw-1", "gw-2", "gw-3"];

let watch: RestartWatch;

beforeEach(async () => {
	const { kubectl, namespace } = stage;
	await apply(kubectl, standAlone(namespace, name));
	await federationReady(kubectl, namespace, name);
	watch = await RestartWatch.start(kubectl, namespace, name);
});

afterEach(async () => {
	await watch[Symbol.asyncDispose]();
	await stage.kubectl.delete("xmppfederation", name, stage.namespace, "--cascade=foreground");
});

test("the operator is killed at every step: no restart is missing or repeated", async () => {
	await patch({ upstream: upstreams.other });
	await atEachAct(async () => {
		await stage.kubectl.run(["delete", "pods", "--all", "-n", OPERATOR_NAMESPACE, "--grace-period=0", "--force"]);
	});
	await over();
	expect(watch.made.toSorted()).toEqual(all);
	nothingElseWentDown();
});

test("leadership moves at every step", async () => {
	const holders: string[] = [];
	await patch({ upstream: upstreams.other });
	await atEachAct(async () => {
		const lease = await theLease(stage.kubectl);
		holders.push(lease.spec.holderIdentity ?? "");
		// As where the leader's writes did not get through for too long: somebody else has it now.
		const spec = { holderIdentity: "somebody-else", renewTime: new Date().toISOString().replace("Z", "000Z") };
		await stage.kubectl.patch("lease", lease.metadata.name, OPERATOR_NAMESPACE, { spec });
		await until("another leader", async () => {
			const holder = (await theLease(stage.kubectl)).spec.holderIdentity;
			return holder !== undefined && holder !== "somebody-else";
		});
	});
	await over();
	expect(holders).toHaveLength(all.length);
	expect(watch.made.toSorted()).toEqual(all);
	nothingElseWentDown();
});

test("the API server is restarted at every step", async () => {
	const { cluster } = stage.kubectl;
	const controlPlane = cluster.nodes.find((node) => node.endsWith("control-plane")) ?? "";
	await patch({ upstream: upstreams.other });
	await atEachAct(async () => {
		// The kubelet starts it again.
		await run(cluster.nodeCommand(controlPlane, ["sh", "-c", "kill $(pidof kube-apiserver)"]));
	});
	await over();
	expect(watch.made.toSorted()).toEqual(all);
	nothingElseWentDown();
});

test("a Kubernetes node stands still and comes back: what ran elsewhere is not restarted meanwhile", async () => {
	const { kubectl, namespace } = stage;
	const pods = await kubectl.list<KubernetesObject & { readonly spec: { readonly nodeName?: string } }>(
		"pods",
		namespace,
		`xmppfed.dev/federation=${name},xmppfed.dev/node=gw-1`,
	);
	const worker = pods[0]?.spec.nodeName ?? "";
	const engine = async (verb: string) => await run(kubectl.cluster.engineCommand([verb, worker]));
	await engine("pause");
	try {
		await until(`${worker} to be not ready`, async () => (await conditionOfNode(worker)) !== "True", {
			timeout: 180_000,
		});
		watch.mark();
		await patch({ upstream: upstreams.other });
		await until("the roll-out to begin", async () => watch.touched.length > 0);
		// What stood there is repaired elsewhere; what runs elsewhere waits for it.
		await sleep(20_000);
	} finally {
		await engine("unpause");
	}
	await until(`${worker} to be ready`, async () => (await conditionOfNode(worker)) === "True", { timeout: 180_000 });
	await over(600_000);
	expect(new Set(watch.touched)).toEqual(new Set(all));
	expect(watch.touched).toHaveLength(all.length);
	expect(watch.hasty).toEqual([]);
});

test("an image that does not exist holds one node up, which its old pod serves; the right one puts all to rights", async () => {
	const { kubectl, namespace } = stage;
	const before = watch.running();
	await patch({ image: "localhost/no-such-image:1" });
	const at = { namespace, name };
	const { message } = await condition(kubectl, at, "Degraded", { status: "True", reason: "NodeFailing" });
	expect(message).toContain("localhost/no-such-image:1 cannot be pulled");
	await sleep(15_000);
	const [first, ...others] = watch.touched;
	expect(others).toEqual([]);
	expect(watch.down).toEqual([]);
	// The image that they run is named now: nothing has changed for those that were not touched.
	await patch({ image: images().gateway });
	await over();
	expect(watch.running()).toEqual(before);
	expect(watch.made).toEqual([first]);
	nothingElseWentDown();
});

test("a change in the middle: what was through goes once more, the others go to the newest at once", async () => {
	await patch({ upstream: upstreams.other });
	await until("the first restart", async () => watch.touched.length > 0);
	const [first] = watch.touched;
	await patch({ rollout: { drainSeconds: 20 } });
	await over();
	expect(watch.made.toSorted()).toEqual([...all, first ?? ""].toSorted());
	nothingElseWentDown();
});

test("paused after the first step: that one ends, no other begins; resumed, the others follow", async () => {
	const paused = async (value: string | null) => {
		const metadata = { annotations: { "xmppfed.dev/paused": value } };
		await stage.kubectl.patch("xmppfederation", name, stage.namespace, { metadata });
	};
	await patch({ upstream: upstreams.other });
	await until("the first restart", async () => watch.touched.length > 0);
	await paused("true");
	await until("the first to be through", async () => {
		const { status } = await live();
		return status?.rollout?.done === 1 && !watch.isLeaving;
	});
	await sleep(15_000);
	expect(watch.made).toHaveLength(1);
	await condition(stage.kubectl, { namespace: stage.namespace, name }, "Progressing", {
		status: "False",
		reason: "Paused",
	});
	await paused(null);
	await over();
	expect(watch.made.toSorted()).toEqual(all);
	nothingElseWentDown();
});

async function live(): Promise<LiveFederation> {
	const found = await stage.kubectl.find<LiveFederation>("xmppfederation", name, stage.namespace);
	if (!found) throw new Error(`federation ${name} is gone`);
	return found;
}

async function patch(spec: object): Promise<void> {
	await stage.kubectl.patch("xmppfederation", name, stage.namespace, { spec });
}

/** Does something to the cluster each time after a node was touched, until all were. */
async function atEachAct(fault: () => Promise<void>): Promise<void> {
	for (let count = 1; count <= all.length; count++) {
		await until(`step ${count}`, async () => watch.touched.length >= count, { timeout: 240_000 });
		await fault();
	}
}

/** Waits until the roll-out is over, all nodes run what is asked for, and no pod is on its way out. */
async function over(timeout = 300_000): Promise<void> {
	await until(
		"the roll-out to be over",
		async () => {
			const { metadata, status } = await live();
			const isComplete = status?.conditions?.some(
				({ type, reason, observedGeneration }) =>
					type === "Progressing" && reason === "Complete" && observedGeneration === metadata.generation,
			);
			return isComplete && !status?.rollout && status?.nodes?.every(({ ready }) => ready) && !watch.isLeaving;
		},
		{ timeout, explain: async () => JSON.stringify((await live()).status, undefined, "\t") },
	);
}

function nothingElseWentDown(): void {
	expect(watch.down).toEqual([]);
	expect(watch.leavingTogether).toEqual([]);
	expect(watch.hasty).toEqual([]);
}

interface Lease extends KubernetesObject {
	readonly spec: { readonly holderIdentity?: string };
}

async function theLease(kubectl: Kubectl): Promise<Lease> {
	const [lease] = await kubectl.list<Lease>("leases", OPERATOR_NAMESPACE);
	if (!lease) throw new Error("the operator has no Lease");
	return lease;
}

async function conditionOfNode(node: string): Promise<string | undefined> {
	const found = await stage.kubectl.find<
		KubernetesObject & { readonly status: { readonly conditions: readonly { type: string; status: string }[] } }
	>("node", node);
	return found?.status.conditions.find(({ type }) => type === "Ready")?.status;
}
