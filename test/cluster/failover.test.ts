import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Couple, logIn, logOut } from "../../deploy/demo/conversation.ts";
import { type GatewayPod, gatewayPods, nodeOf } from "../../deploy/demo/gateway-status.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { useScene } from "../lib/cluster/environment.ts";
import { type Delivery, Traffic } from "../lib/cluster/traffic.ts";

/** Messages of each direction in a second. */
const RATE = 20;

const stage = useScene("failover");
let couple: Couple;

beforeAll(async () => {
	couple = await logIn(stage.scene, stage.addresses);
});
afterAll(async () => couple && (await logOut(couple)));

const ways = [
	{ way: "deleted", flags: [] },
	{ way: "killed", flags: ["--grace-period=0", "--force"] },
] as const;

for (const { way, flags } of ways) {
	for (const node of ["gw-1", "gw-2"]) {
		test(`messages go on through the other node while the pod of ${node} is ${way}`, async () => {
			const { kubectl, scene } = stage;
			const { namespace } = scene.internal;
			await federationReady(kubectl, namespace, scene.federation);
			const traffic = Traffic.start(couple, RATE);
			try {
				await traffic.flows();
				const before = await podOf(node);
				await kubectl.delete("pod", before.metadata.name, namespace, "--wait=false", ...flags);
				// While the pod goes, with the other node alone, and with the new pod.
				await traffic.flows();
				await kubectl.run(["wait", "--for=delete", `pod/${before.metadata.name}`, "-n", namespace, "--timeout=90s"]);
				await traffic.flows();
				await federationReady(kubectl, namespace, scene.federation);
				// What the death of a process breaks shows within seconds.
				await sleep(8_000);
				await traffic.flows();
				expect((await podOf(node)).metadata.uid).not.toBe(before.metadata.uid);
			} finally {
				const { outgoing, incoming } = await traffic.stop();
				report(`pod of ${node} ${way}`, outgoing, incoming);
				// A pod that is told to go hands over what it has; one that is killed cannot.
				if (way === "deleted") expect([outgoing.lost, incoming.lost]).toEqual([0, 0]);
			}
		});
	}
}

async function podOf(node: string): Promise<GatewayPod> {
	const { kubectl, scene } = stage;
	return await until(`a pod of ${node}`, async () => {
		const pods = await gatewayPods(kubectl, scene.internal.namespace, scene.federation);
		return pods.find((pod) => nodeOf(pod) === node);
	});
}

function report(what: string, outgoing: Delivery, incoming: Delivery): void {
	for (const [direction, { sent, lost, returned, duplicates, outOfOrder, longestGap }] of Object.entries({
		outgoing,
		incoming,
	})) {
		console.log(
			`${what}, ${direction}: ${sent} sent at ${RATE}/s, ${lost} lost, ${returned} returned, ` +
				`${duplicates} twice, ${outOfOrder} out of order, longest gap ${longestGap} ms`,
		);
	}
}
