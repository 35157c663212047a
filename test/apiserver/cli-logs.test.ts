import { beforeAll, expect, onTestFinished, test } from "vitest";
import { buildKubectlPlugin } from "../../deploy/build.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { pods } from "../../src/kubernetes/resources.ts";
import { federationLabel, nodeLabel, roleLabel } from "../../src/objects/labels.ts";
import { startXmppfed, xmppfed } from "./cli-support.ts";
import { federation, federations } from "./operator-support.ts";
import { playKubeletLogs } from "./played-kubelet.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

beforeAll(async () => void (await buildKubectlPlugin()));

const line = (second: number, session: string, msg: string) =>
	`${JSON.stringify({ ts: `2026-06-01T12:00:0${second}.000000Z`, level: "info", module: "s2sin", session, msg })}\n`;

async function makePod(client: KubernetesClient, namespace: string, node: string): Promise<void> {
	const labels = { [federationLabel]: "example", [roleLabel]: "gateway", [nodeLabel]: node };
	await client.create(pods, {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: node, namespace, labels },
		spec: { nodeName: namespace, containers: ["router", "federation"].map((name) => ({ name, image: "none" })) },
	});
	await client.mergePatch(pods, namespace, node, { status: { phase: "Running" } }, { subresource: "status" });
}

/** The kubelet is played: that one gives what gateways really write is for the cluster tests. */
test("logs of all processes come in the order of time, of one node or peer, and go on", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await client.create(federations, federation(namespace, "example"));
	const written = new Map([
		[`${namespace}/gw-1/router`, line(3, "a", "a link is up")],
		[`${namespace}/gw-1/federation`, line(1, "b", "Incoming connection") + line(4, "b", "partner.example came")],
		[`${namespace}/gw-2/router`, `${line(2, "c", "other.example came")}panic: no words`],
	]);
	await playKubeletLogs(client, namespace, written);
	for (const node of ["gw-1", "gw-2"]) await makePod(client, namespace, node);

	const all = await xmppfed(["logs", "example", "-n", namespace]);
	expect(all.code).toBe(0);
	expect(all.stdout).toBe(
		"2026-06-01T12:00:01.000Z  gw-1  federation  info   s2sin b: Incoming connection\n" +
			"2026-06-01T12:00:02.000Z  gw-2  router      info   s2sin c: other.example came\n" +
			"                          gw-2  router             panic: no words\n" +
			"2026-06-01T12:00:03.000Z  gw-1  router      info   s2sin a: a link is up\n" +
			"2026-06-01T12:00:04.000Z  gw-1  federation  info   s2sin b: partner.example came\n",
	);
	expect(all.stderr).toMatch(/^node gw-2 \(pod gw-2, federation\): the API server refuses to get pods\/log .*\n$/);

	const ofPeer = await xmppfed(["logs", "example", "-n", namespace, "--peer", "Partner.example"]);
	expect(ofPeer.stdout.match(/s2sin .*/g)).toEqual(["s2sin b: Incoming connection", "s2sin b: partner.example came"]);
	const ofNode = await xmppfed(["logs", "example", "gw-1", "-n", namespace]);
	expect(ofNode.stdout).not.toContain("gw-2");
	expect(ofNode.stderr).toBe("");

	const following = startXmppfed(["logs", "example", "--follow", "-n", namespace]);
	await eventually(() => following.output.stdout.includes("partner.example came"), "what is written is shown");
	written.set(`${namespace}/gw-3/router`, line(5, "d", "a node was added"));
	await makePod(client, namespace, "gw-3");
	await eventually(() => following.output.stdout.includes("a node was added"), "a pod that is made is followed");
	for (const pod of ["gw-1", "gw-2", "gw-3"])
		onTestFinished(async () => void (await client.delete(pods, namespace, pod)));
});

test("what logs cannot show", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await client.create(federations, federation(namespace, "example"));
	const run = async (...args: readonly string[]) => await xmppfed(["logs", ...args, "-n", namespace]);
	expect(await run("example")).toMatchObject({
		code: 0,
		stderr: "no node of example has a pod: nothing is written\n",
	});
	for (const [args, message] of [
		[["other"], 'error: there is no XmppFederation "other" in namespace'],
		[["example", "gw-9"], 'has no node "gw-9"\nThere are: gw-1, gw-2\n'],
		[["example", "--since", "1d"], 'error: --since takes a time such as 30s, 10m or 2h, not "1d"\nSee: '],
	] as const) {
		const { code, stderr } = await run(...args);
		expect(stderr).toContain(message);
		expect(code).toBe(1);
	}
});
