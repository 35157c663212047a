import { afterAll, beforeAll, expect, test } from "vitest";
import { type Couple, logIn, logOut } from "../../deploy/demo/conversation.ts";
import { gatewayPods, nodeOf } from "../../deploy/demo/gateway-status.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
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
			await traffic.flows();

			const pod = (await gatewayPods(kubectl, namespace, scene.federation)).find((item) => nodeOf(item) === node);
			expect(pod).toBeDefined();
			await kubectl.delete("pod", pod?.metadata.name ?? "", namespace, "--wait=false", ...flags);
			await traffic.flows();
			await federationReady(kubectl, namespace, scene.federation);
			await traffic.flows();

			const { outgoing, incoming } = await traffic.stop();
			report(`pod of ${node} ${way}`, outgoing, incoming);
			const after = (await gatewayPods(kubectl, namespace, scene.federation)).find((item) => nodeOf(item) === node);
			expect(after?.metadata.uid).not.toBe(pod?.metadata.uid);
		});
	}
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
