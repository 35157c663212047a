import { afterAll, beforeAll, expect, test } from "vitest";
import { type Couple, logIn, logOut } from "../../deploy/demo/conversation.ts";
import { gatewayPods, gatewayStatuses, nodeOf } from "../../deploy/demo/gateway-status.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { programmed } from "../lib/cluster/attached.ts";
import { useScene } from "../lib/cluster/environment.ts";
import { apply } from "../lib/cluster/federation.ts";

const stage = useScene("policy");
let couple: Couple;

beforeAll(async () => {
	couple = await logIn(stage.scene, stage.addresses);
});
afterAll(async () => couple && (await logOut(couple)));

const policy = (spec: object) => ({
	apiVersion: "xmppfed.dev/v1alpha1",
	kind: "FederationPolicy",
	metadata: { name: "policy", namespace: stage.scene.internal.namespace },
	spec: { federationRef: { name: stage.scene.federation }, ...spec },
});

const podsByNode = async () => {
	const { kubectl, scene } = stage;
	const pods = await gatewayPods(kubectl, scene.internal.namespace, scene.federation);
	return new Map(pods.map((pod) => [nodeOf(pod), pod.metadata.uid]));
};

/** What the federation connection manager of each Enabled node enforces. */
async function enforced(): Promise<readonly (readonly [string, string | undefined])[]> {
	const { kubectl, scene } = stage;
	const statuses = await gatewayStatuses(kubectl, scene.internal.namespace, scene.federation, "federation");
	return statuses.map(({ node, policy: found }) => [node, found?.digest]);
}

test("a policy restarts every node in its turn, and is enforced by all before it says Programmed (R15)", async () => {
	const { kubectl, scene } = stage;
	await couple.remote.receiveMessage(await couple.internal.sendMessage(couple.remote.jid, "before"));
	const before = await podsByNode();
	await apply(
		kubectl,
		policy({ default: "Allow", exceptions: [{ domain: scene.remote.domain, direction: "Outgoing" }] }),
	);
	const { status } = await programmed(kubectl, "federationpolicy", {
		namespace: scene.internal.namespace,
		name: "policy",
	});
	expect(status).toMatchObject({ exceptions: 1, programmedNodes: 3, nodes: 3 });
	expect(await enforced()).toEqual([
		["gw-1", status?.digest],
		["gw-2", status?.digest],
	]);
	const after = await podsByNode();
	expect([...after].filter(([node, uid]) => before.get(node) === uid)).toEqual([]);
	await federationReady(kubectl, scene.internal.namespace, scene.federation);

	const id = await couple.internal.sendMessage(couple.remote.jid, "denied");
	expect(await couple.internal.receiveError(id)).toMatchObject({ type: "cancel", condition: "policy-violation" });
	await couple.internal.receiveMessage(await couple.remote.sendMessage(couple.internal.jid, "this way it is allowed"));
	const row = (await kubectl.run(["get", "xf", scene.federation, "-n", scene.internal.namespace])).split("\n")[1];
	expect(row).toContain("policy (Allow)");
	expect(await kubectl.run(["get", "xfp", "-n", scene.internal.namespace])).toMatch(
		/policy +\S+ +Allow +1 +True +True/,
	);
});

test("without the policy everything passes again", async () => {
	const { kubectl, scene } = stage;
	await kubectl.delete("federationpolicy", "policy", scene.internal.namespace);
	await until(
		"no node to have a policy",
		async () => {
			const left = (await enforced()).filter(([, digest]) => digest !== undefined);
			return left.length === 0 || undefined;
		},
		{ timeout: 180_000 },
	);
	await federationReady(kubectl, scene.internal.namespace, scene.federation);
	const message = await couple.remote.receiveMessage(await couple.internal.sendMessage(couple.remote.jid, "after"));
	expect(message.getChildText("body")).toBe("after");
});
