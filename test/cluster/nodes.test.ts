import { afterAll, beforeAll, expect, test } from "vitest";
import { type Couple, logIn, logOut } from "../../deploy/demo/conversation.ts";
import { type GatewayPod, gatewayPods, gatewayStatuses, nodeOf } from "../../deploy/demo/gateway-status.ts";
import { INTERNAL_SERVER } from "../../deploy/demo/scene.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { useScene } from "../lib/cluster/environment.ts";

const stage = useScene("nodes");
let couple: Couple;

beforeAll(async () => {
	couple = await logIn(stage.scene, stage.addresses);
});
afterAll(async () => couple && (await logOut(couple)));

test("a Disabled node runs its router and no federation connection manager (R1)", async () => {
	const pods = await podsByNode();
	expect(containers(pods.get("gw-1"))).toEqual(["federation", "router"]);
	expect(containers(pods.get("gw-2"))).toEqual(["federation", "router"]);
	expect(containers(pods.get("gw-3"))).toEqual(["router"]);
	const { kubectl, scene } = stage;
	const { namespace } = scene.internal;
	const published = await addressesBehind("public");
	expect(published).toEqual(addressesOf(pods, "gw-1", "gw-2"));
	expect(await addressesBehind("internal")).toEqual(addressesOf(pods, "gw-1", "gw-2", "gw-3"));
	expect(await kubectl.list("deployments", namespace, "xmppfed.dev/node=gw-3")).toHaveLength(1);
});

test("what a Disabled node's router gets goes out through Enabled nodes (R9)", async () => {
	const { kubectl, scene } = stage;
	const { namespace } = scene.internal;
	const [router] = (await gatewayStatuses(kubectl, namespace, scene.federation, "router")).filter(
		({ node }) => node === "gw-3",
	);
	const enabled = ["gw-1", "gw-2"];
	expect(new Set(router?.links.map(({ node }) => node))).toEqual(new Set(enabled));
	expect(router?.links.map(({ state }) => state)).toEqual(router?.links.map(() => "Up"));

	// The internal Service chooses a router for each stream of the internal server: new streams until it is gw-3's turn.
	const sentBy = await until(
		"the router of gw-3 to be given a message by the internal server",
		async () => {
			const before = await stanzasSent("gw-3");
			await couple.remote.receiveMessage(await couple.internal.sendMessage(couple.remote.jid, "by which router?"));
			const after = await stanzasSent("gw-3");
			if (after > before) return after - before;
			await newStreams();
			return undefined;
		},
		{ timeout: 180_000 },
	);
	expect(sentBy).toBeGreaterThan(0);
	const streams = (await gatewayStatuses(kubectl, namespace, scene.federation, "federation")).flatMap((status) =>
		status.streams.filter(({ peer }) => peer === scene.remote.domain).map(() => status.node),
	);
	expect(enabled).toEqual(expect.arrayContaining([...new Set(streams)]));
	expect(streams).not.toHaveLength(0);
});

test("federation can be turned on and off at a node, while messages cross", async () => {
	const { kubectl, scene } = stage;
	const { namespace } = scene.internal;
	for (const [federation, expected, published] of [
		["Enabled", ["federation", "router"], ["gw-1", "gw-2", "gw-3"]],
		["Disabled", ["router"], ["gw-1", "gw-2"]],
	] as const) {
		const before = await podsByNode();
		const patch = [{ op: "replace", path: "/spec/nodes/2/federation", value: federation }];
		await kubectl.run(["patch", "xf", scene.federation, "-n", namespace, "--type=json", "-p", JSON.stringify(patch)]);
		await federationReady(kubectl, namespace, scene.federation);
		const after = await podsByNode();
		expect(containers(after.get("gw-3"))).toEqual(expected);
		expect(after.get("gw-3")?.metadata.uid).not.toBe(before.get("gw-3")?.metadata.uid);
		expect(await addressesBehind("public")).toEqual(addressesOf(after, ...published));
		for (const [from, to] of [
			[couple.internal, couple.remote],
			[couple.remote, couple.internal],
		] as const) {
			const body = `gw-3 is ${federation}`;
			const message = await to.receiveMessage(await from.sendMessage(to.jid, body));
			expect(message.getChildText("body")).toBe(body);
		}
	}
});

async function podsByNode(): Promise<ReadonlyMap<string, GatewayPod>> {
	const { kubectl, scene } = stage;
	const pods = await gatewayPods(kubectl, scene.internal.namespace, scene.federation);
	return new Map(pods.map((pod) => [nodeOf(pod), pod]));
}

function containers(pod: GatewayPod | undefined): string[] {
	return (pod?.spec.containers ?? []).map(({ name }) => name).toSorted();
}

function addressesOf(pods: ReadonlyMap<string, GatewayPod>, ...nodes: readonly string[]): string[] {
	return nodes.map((node) => pods.get(node)?.status.podIP ?? "").toSorted();
}

interface EndpointSlice {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: { readonly name: string };
	readonly endpoints?: readonly {
		readonly addresses: readonly string[];
		readonly conditions: { readonly ready?: boolean };
	}[];
}

/** Pod addresses that a Service of the federation sends to. */
async function addressesBehind(service: "public" | "internal"): Promise<string[]> {
	const { kubectl, scene } = stage;
	const slices = await kubectl.list<EndpointSlice>("endpointslices", scene.internal.namespace);
	return slices
		.filter(({ metadata }) => metadata.name.startsWith(`${scene.federation}-${service}-`))
		.flatMap(({ endpoints = [] }) => endpoints)
		.filter(({ conditions }) => conditions.ready !== false)
		.flatMap(({ addresses }) => addresses)
		.toSorted();
}

/** Stanzas that a node's router has sent over all its links. */
async function stanzasSent(node: string): Promise<number> {
	const { kubectl, scene } = stage;
	const statuses = await gatewayStatuses(kubectl, scene.internal.namespace, scene.federation, "router");
	const links = statuses.find((status) => status.node === node)?.links ?? [];
	return links.reduce((sum, { sent }) => sum + sent, 0);
}

/** A new internal server has no streams yet. */
async function newStreams(): Promise<void> {
	const { kubectl, scene } = stage;
	const { namespace } = scene.internal;
	await logOut(couple);
	await kubectl.run(["rollout", "restart", `deployment/${INTERNAL_SERVER}`, "-n", namespace]);
	await kubectl.run(["rollout", "status", `deployment/${INTERNAL_SERVER}`, "-n", namespace, "--timeout=60s"]);
	couple = await logIn(scene, stage.addresses);
}
