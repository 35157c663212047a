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
	// A pod that is told to go hands over what it has.
	{ way: "is deleted", flags: [], mayLose: 0 },
	// One that is gone at once takes along what it had, and what comes until everyone has noticed: 5 s both ways.
	{ way: "is deleted by force", flags: ["--grace-period=0", "--force"], mayLose: 2 * 5 * RATE },
] as const;
const cases = ways.flatMap((way) => ["gw-1", "gw-2"].map((node) => ({ ...way, node })));

test.for(cases)("messages go on while the pod of $node $way", async ({ way, flags, mayLose, node }) => {
	const { kubectl, scene } = stage;
	const { namespace } = scene.internal;
	await federationReady(kubectl, namespace, scene.federation);
	const before = await podOf(node);
	const { outgoing, incoming } = await withTraffic(async (traffic) => {
		await traffic.flows();
		await kubectl.delete("pod", before.metadata.name, namespace, "--wait=false", ...flags);
		// While the pod goes, with the other node alone, and with the new pod.
		await traffic.flows();
		await kubectl.run(["wait", "--for=delete", `pod/${before.metadata.name}`, "-n", namespace, "--timeout=90s"]);
		await traffic.flows();
		await federationReady(kubectl, namespace, scene.federation);
		// What the death of a process breaks shows within seconds.
		await sleep(8_000);
		await traffic.flows();
	});
	report(`The pod of ${node} ${way}`, outgoing, incoming);
	expect((await podOf(node)).metadata.uid).not.toBe(before.metadata.uid);
	expect(outgoing.lost + incoming.lost).toBeLessThanOrEqual(mayLose);
});

async function withTraffic(work: (traffic: Traffic) => Promise<void>): ReturnType<Traffic["stop"]> {
	const traffic = Traffic.start(couple, RATE);
	try {
		await work(traffic);
	} catch (error) {
		await traffic.stop();
		throw error;
	}
	return await traffic.stop();
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
