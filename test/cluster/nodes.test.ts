import { afterAll, beforeAll, expect, test } from "vitest";
import { type Couple, logIn, logOut } from "../../deploy/demo/conversation.ts";
import { type GatewayPod, gatewayPods, gatewayStatuses, nodeOf } from "../../deploy/demo/gateway-status.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { useScene } from "../lib/cluster/environment.ts";

const disabled = ["gw-2", "gw-3"];
const stage = useScene("nodes", {
	nodes: [{ name: "gw-1", federation: "Enabled" }, ...disabled.map((name) => ({ name }))],
});
let couple: Couple;

beforeAll(async () => {
	couple = await logIn(stage.scene, stage.addresses);
});
afterAll(async () => couple && (await logOut(couple)));

test("a Disabled node runs its router and no federation connection manager (R1)", async () => {
	const pods = await podsByNode();
	expect([...pods.keys()]).toEqual(["gw-1", "gw-2", "gw-3"]);
	expect(containers(pods.get("gw-1"))).toEqual(["federation", "router"]);
	for (const node of disabled) expect(containers(pods.get(node))).toEqual(["router"]);
	expect(await addressesBehind("public")).toEqual(addressesOf(pods, "gw-1"));
	expect(await addressesBehind("internal")).toEqual(addressesOf(pods, "gw-1", "gw-2", "gw-3"));
});

test("what the router of a Disabled node gets goes out through the Enabled node (R9)", async () => {
	const { kubectl, scene } = stage;
	const { namespace } = scene.internal;
	const domains = [scene.internal.domain, scene.internal.roomsDomain];
	// A router that was there before the internal server has withdrawn them until it looks at the server again.
	await until("the links of the Disabled nodes to be up", async () => {
		const routers = await gatewayStatuses(kubectl, namespace, scene.federation, "router");
		return disabled.every((node) => {
			const links = routers.find((status) => status.node === node)?.links ?? [];
			const told = links.map(({ domain, node: to, state }) => `${domain} ${to} ${state}`).toSorted();
			return told.join() === domains.map((domain) => `${domain} gw-1 Up`).join();
		});
	});

	// The internal Service chooses a router for each stream of the internal server: new streams until it is their turn.
	const sent = await until(
		"the router of a Disabled node to be given a message by the internal server",
		async () => {
			const before = await stanzasSent(disabled);
			await couple.remote.receiveMessage(await couple.internal.sendMessage(couple.remote.jid, "by which router?"));
			const after = await stanzasSent(disabled);
			if (after > before) return after - before;
			await newStreams();
			return undefined;
		},
		{ timeout: 180_000 },
	);
	expect(sent).toBeGreaterThan(0);
	const streams = (await gatewayStatuses(kubectl, namespace, scene.federation, "federation")).flatMap((status) =>
		status.streams.filter(({ peer }) => peer === scene.remote.domain).map(() => status.node),
	);
	expect(new Set(streams)).toEqual(new Set(["gw-1"]));
});

test("federation can be turned on and off at a node, which restarts every router (R16), while messages cross", async () => {
	const { kubectl, scene } = stage;
	const { namespace } = scene.internal;
	for (const [federation, expected, published] of [
		["Enabled", ["federation", "router"], ["gw-1", "gw-2"]],
		["Disabled", ["router"], ["gw-1"]],
	] as const) {
		const before = await podsByNode();
		const patch = [{ op: "add", path: "/spec/nodes/1/federation", value: federation }];
		await kubectl.run(["patch", "xf", scene.federation, "-n", namespace, "--type=json", "-p", JSON.stringify(patch)]);
		await federationReady(kubectl, namespace, scene.federation);
		const after = await podsByNode();
		expect(containers(after.get("gw-2"))).toEqual(expected);
		const kept = [...after].filter(([node, { metadata }]) => metadata.uid === before.get(node)?.metadata.uid);
		expect(kept.map(([node]) => node)).toEqual([]);
		expect(await addressesBehind("public")).toEqual(addressesOf(after, ...published));
		for (const [from, to] of [
			[couple.internal, couple.remote],
			[couple.remote, couple.internal],
		] as const) {
			const body = `gw-2 is ${federation}`;
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

/** Stanzas that the routers of these nodes have sent over all their links. */
async function stanzasSent(nodes: readonly string[]): Promise<number> {
	const { kubectl, scene } = stage;
	const statuses = await gatewayStatuses(kubectl, scene.internal.namespace, scene.federation, "router");
	const links = statuses.filter(({ node }) => nodes.includes(node)).flatMap((status) => status.links);
	return links.reduce((sum, { sent }) => sum + sent, 0);
}

/** A new internal server has no streams yet. */
async function newStreams(): Promise<void> {
	const { kubectl, scene } = stage;
	const { namespace, server } = scene.internal;
	await logOut(couple);
	await kubectl.run(["rollout", "restart", `deployment/${server}`, "-n", namespace]);
	await kubectl.run(["rollout", "status", `deployment/${server}`, "-n", namespace, "--timeout=60s"]);
	couple = await logIn(scene, stage.addresses);
}
