import { expect, test } from "vitest";
import type { Kubectl, KubernetesObject } from "../../deploy/demo/kubectl.ts";
import { OPERATOR_DEPLOYMENT, OPERATOR_NAMESPACE } from "../../deploy/demo/operator.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { useNamespace } from "../lib/cluster/environment.ts";
import { apply, standAlone } from "../lib/cluster/federation.ts";
import { upstreams } from "../lib/cluster/upstream.ts";

const stage = useNamespace("operator");
const oneNode = { nodes: [{ name: "gw-1", federation: "Enabled" as const }] };

interface Lease extends KubernetesObject {
	readonly spec: { readonly holderIdentity?: string };
}

test("the other replica takes over when the leader is killed", async () => {
	const { kubectl, namespace } = stage;
	const leader = await leaderOf(kubectl);
	await kubectl.delete("pod", leader, OPERATOR_NAMESPACE, "--grace-period=0", "--force");
	const next = await until("another leader", async () => {
		const holder = await leaderOf(kubectl);
		return holder !== leader && holder;
	});
	expect(next).not.toBe(leader);
	await apply(kubectl, standAlone(namespace, "after-the-leader", oneNode));
	await federationReady(kubectl, namespace, "after-the-leader");
});

test("the operator's rights are enough: nothing is forbidden to it in all it does", async () => {
	const { kubectl, namespace } = stage;
	const resource = standAlone(namespace, "rights", { ...oneNode, resolver: { enabled: true } });
	await apply(kubectl, resource);
	await federationReady(kubectl, namespace, "rights");
	// A change, and the removal of what is no longer needed.
	await apply(kubectl, {
		...resource,
		spec: { ...resource.spec, upstream: upstreams.other, resolver: {} },
	});
	await federationReady(kubectl, namespace, "rights");
	const selector = `app.kubernetes.io/name=${OPERATOR_DEPLOYMENT}`;
	const log = await kubectl.run(["logs", "-n", OPERATOR_NAMESPACE, "-l", selector, "--tail=-1"]);
	expect(log.split("\n").filter((line) => line.includes('"federation":"rights"'))).not.toHaveLength(0);
	// The words of the API server for a right that is missing: 'events is forbidden: User "..." cannot create resource ...'.
	expect(log.split("\n").filter((line) => /forbidden: User|cannot \w+ resource/.test(line))).toEqual([]);
});

test("all of this runs where the restricted Pod Security Standard is enforced", async () => {
	const { kubectl, namespace } = stage;
	for (const enforcing of [namespace, OPERATOR_NAMESPACE]) {
		const privileged = ["run", "privileged", "--image=none", "--privileged", "--dry-run=server", "-n", enforcing];
		await expect(kubectl.run(privileged)).rejects.toThrow(/violates PodSecurity "restricted:/);
	}
});

/** Name of the pod that leads. */
async function leaderOf(kubectl: Kubectl): Promise<string> {
	return await until("a leader", async () => {
		const leases = await kubectl.list<Lease>("leases", OPERATOR_NAMESPACE);
		const holder = leases[0]?.spec.holderIdentity;
		const pods = await kubectl.list("pods", OPERATOR_NAMESPACE);
		return pods.find(({ metadata }) => holder?.startsWith(metadata.name) === true)?.metadata.name;
	});
}
