import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { publishServers } from "../../deploy/demo/cluster-dns.ts";
import { type Couple, logIn, logOut } from "../../deploy/demo/conversation.ts";
import { gatewayStatuses } from "../../deploy/demo/gateway-status.ts";
import type { KubernetesObject } from "../../deploy/demo/kubectl.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import type { ChatNodeAlias } from "../../src/api/chat-node-alias.ts";
import { attachedWith } from "../lib/cluster/attached.ts";
import { images, useScene } from "../lib/cluster/environment.ts";
import { apply, rollOut } from "../lib/cluster/federation.ts";
import { meet as meetInRoom, startRooms } from "../lib/cluster/rooms.ts";
import { Traffic } from "../lib/cluster/traffic.ts";
import { StanzaErrorReceived } from "../lib/xmpp/client.ts";

/**
 * One public address, several ports (R10): the Services of three Direct aliases, each of another node, share an address of
 * MetalLB. Each alias has its rooms on a server of its own, and the peer's server finds it by its SRV record alone. Each
 * test goes on from where the one before it ended.
 */
const nodes = ["gw-1", "gw-2", "gw-3"] as const;
type Node = (typeof nodes)[number];
const ports: Readonly<Record<Node, number>> = { "gw-1": 5269, "gw-2": 25_269, "gw-3": 35_269 };

const stage = useScene("aliases", {
	// It loses nothing when a stream ends, other than an ejabberd (test/gateway/ejabberd-stream-end.long.test.ts).
	internalServer: "prosody",
	nodes: nodes.map((name) => ({ name, federation: "Enabled" })),
});
const { namespace, domain } = stage.scene.internal;
const name = stage.scene.federation;
const federation = { namespace, name };
/** Messages in a second, each way, in a room. */
const RATE = 50;
let couple: Couple;
/** The address that all share; none before the first has it. */
let shared = "";

const aliasOf = (node: Node) => `rooms-${node}.${domain}`;

/** The alias that was made for a node. @param at where it is now */
const alias = (node: Node, at: Node = node): ChatNodeAlias => ({
	apiVersion: "xmppfed.dev/v1alpha1",
	kind: "ChatNodeAlias",
	metadata: { name: `rooms-${node}`, namespace },
	spec: {
		federationRef: { name },
		alias: aliasOf(node),
		node: at,
		upstream: { host: `chat-${node}.${namespace}.svc` },
		exposure: "Direct",
		hostname: `edge.${aliasOf(node)}`,
		publicPort: ports[node],
		service: {
			type: "LoadBalancer",
			annotations: {
				"metallb.io/allow-shared-ip": name,
				...(shared !== "" && { "metallb.io/loadBalancerIPs": shared }),
			},
			// MetalLB shares no address between Services of different pods otherwise.
			externalTrafficPolicy: "Cluster",
		},
	},
});

beforeAll(async () => {
	for (const node of nodes) {
		const server = { name: `chat-${node}`, alias: aliasOf(node), image: images().xmppServer };
		await startRooms(stage.kubectl, federation, server);
	}
});
afterAll(async () => await publishServers(stage.kubectl, `${namespace}-rooms`, undefined));

beforeEach(async () => {
	couple = await logIn(stage.scene, stage.addresses);
});
afterEach(async () => couple && (await logOut(couple)));

const found = async (node: Node) =>
	await stage.kubectl.find<ChatNodeAlias & KubernetesObject>("chatnodealias", `rooms-${node}`, namespace);

/** Waits until a condition of the alias of a node is as wanted, and gives the alias. */
async function condition(node: Node, type: string, status: string, reason?: string): Promise<ChatNodeAlias> {
	const of = { namespace, name: `rooms-${node}` };
	return await attachedWith(stage.kubectl, "chatnodealias", of, { type, status, reason });
}

/** Users of both sides talk in a room of the alias that was made for a node. */
const meet = async (node: Node, topic: string) => await meetInRoom(couple, aliasOf(node), topic);

/** Nodes at which the peer's streams for an alias came in. */
async function cameIn(node: Node): Promise<readonly string[]> {
	const statuses = await gatewayStatuses(stage.kubectl, namespace, name, "federation");
	return statuses
		.filter(({ streams }) =>
			streams.some(({ direction, local }) => direction === "incoming" && local === aliasOf(node)),
		)
		.map((status) => status.node);
}

test("three Direct aliases have one address of the load balancer and a port each; the peer finds each by its SRV record", async () => {
	const { kubectl } = stage;
	for (const node of nodes) {
		await apply(kubectl, alias(node));
		const { status } = await condition(node, "Programmed", "True");
		const [endpoint] = status?.endpoints ?? [];
		shared ||= endpoint?.host ?? "";
		expect(endpoint).toMatchObject({ host: shared, port: ports[node] });
	}
	await federationReady(kubectl, namespace, name);
	await publishServers(
		kubectl,
		`${namespace}-rooms`,
		nodes.map((node) => ({
			domain: aliasOf(node),
			hostname: `edge.${aliasOf(node)}`,
			address: shared,
			port: ports[node],
		})),
	);
	for (const node of nodes) {
		// For a moment after that some of the cluster's DNS may know the records and some not. In another room each time: a
		// client finds what came from the one before.
		let attempt = 1;
		await until(`the rooms of ${node} to be found`, async () => {
			try {
				await meet(node, `first-${attempt++}`);
				return true;
			} catch (error) {
				if (error instanceof StanzaErrorReceived && error.error.condition === "remote-server-not-found") return false;
				throw error;
			}
		});
		expect(await cameIn(node)).toEqual([node]);
	}
});

// Nodes restart in order of their names: the one that the alias comes to is first once, and last once.
test.each([
	["Documented", "gw-2", "gw-1"],
	["Documented", "gw-1", "gw-2"],
	["Live", "gw-2", "gw-1"],
] as const)(
	"strategy %s: an alias that is moved from %s to %s keeps its address and port, and loses no message to and from its room",
	async (strategy, from, to) => {
		const { kubectl } = stage;
		if (strategy === "Live") {
			const patch = { spec: { rollout: { strategy } } };
			await rollOut(kubectl, federation, () => kubectl.patch("xmppfederation", name, namespace, patch));
		}
		const before = (await found("gw-2"))?.status?.endpoints;
		const topic = `${strategy.toLowerCase()}-${from}`;
		await meet("gw-2", topic);
		const traffic = Traffic.start(couple, RATE, `${topic}@${aliasOf("gw-2")}`);
		await traffic.flows();
		await rollOut(kubectl, federation, () => apply(kubectl, alias("gw-2", to)));
		const { status } = await condition("gw-2", "Programmed", "True");
		await traffic.flows();
		const { outgoing, incoming } = await traffic.stop();
		console.log(`${strategy}, from ${from} to ${to}: ${JSON.stringify({ outgoing, incoming })}`);
		expect(outgoing.lost + incoming.lost).toBe(0);
		expect(status?.endpoints).toEqual(before);
		await meet("gw-2", `${topic}-moved`);
		// Streams that are open stay where they are when nothing restarts.
		expect(await cameIn("gw-2")).toContain(strategy === "Live" ? from : to);
	},
);

test("while its node is down an alias says so, and the others go on; it comes back by itself", async () => {
	const { kubectl } = stage;
	const selector = `--selector=xmppfed.dev/federation=${name},xmppfed.dev/node=gw-3`;
	const machines = kubectl.cluster.nodes;
	// No pod that is made now finds a machine.
	await kubectl.run(["cordon", ...machines]);
	try {
		await kubectl.run(["delete", "pods", "-n", namespace, selector]);
		const { status } = await condition("gw-3", "Programmed", "False", "NodeNotReady");
		expect(status?.conditions?.find(({ type }) => type === "Programmed")?.message).toContain("gw-3");
		await meet("gw-1", "meanwhile");
	} finally {
		await kubectl.run(["uncordon", ...machines]);
	}
	await condition("gw-3", "Programmed", "True");
	await federationReady(kubectl, namespace, name);
	// For a moment the cluster still takes the peer's server to the address of the pod that is gone, which times out.
	let attempt = 0;
	await until("the peer to reach it again", async () => {
		const failure = await meet("gw-3", `again-${attempt++}`).catch((error: unknown) => error);
		if (failure !== undefined && !(failure instanceof StanzaErrorReceived)) throw failure;
		return failure === undefined;
	});
});

test("an alias whose node is removed says so and has no Service any more; the others go on", async () => {
	const { kubectl } = stage;
	const left = nodes.filter((node) => node !== "gw-3").map((node) => ({ name: node, federation: "Enabled" }));
	await kubectl.patch("xmppfederation", name, namespace, { spec: { nodes: left } });
	const accepted = await until("the alias to be refused", async () => {
		const verdict = (await found("gw-3"))?.status?.conditions?.find(({ type }) => type === "Accepted");
		return verdict?.status === "False" ? verdict : undefined;
	});
	expect(accepted.reason).toBe("NodeNotFound");
	expect(accepted.message).toContain("gw-3");
	await federationReady(kubectl, namespace, name);
	await until("its Service to be gone", async () => {
		const services = await kubectl.list<
			KubernetesObject & { readonly spec: { readonly ports?: readonly { readonly port: number }[] } }
		>("services", namespace, `xmppfed.dev/federation=${name}`);
		return services.every(({ spec }) => spec.ports?.every(({ port }) => port !== ports["gw-3"]));
	});
	await meet("gw-1", "last");
	await meet("gw-2", "last");
});
