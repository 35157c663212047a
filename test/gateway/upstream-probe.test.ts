import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../lib/xmpp/wait.ts";
import { Forwarder } from "./lib/forwarder.ts";
import { local, World } from "./lib/world.ts";

test("a router says whether it reaches its upstream, before anything is sent", async () => {
	await using world = await World.start({
		internal: "prosody",
		peers: [],
		users: ["alice"],
		nodes: [
			{ name: "gw-1", federation: "Disabled" },
			{ name: "gw-2", federation: "Disabled" },
		],
	});
	const wrong = world.node("gw-2");
	wrong.intent = { ...wrong.intent, upstream: { ...wrong.intent.upstream, port: 5999 } };
	await world.startNodes();
	const upstreams = async (name: string) => {
		const list = (await world.node(name).status("router")).upstreams ?? [];
		return list.find(({ domain }) => domain === local.domain);
	};
	await waitFor("gw-1 reaches its upstream", async () => (await upstreams("gw-1"))?.reachable === true);
	const found = await waitFor("gw-2 knows that it does not", async () => {
		const upstream = await upstreams("gw-2");
		return upstream?.reachable === false ? upstream : undefined;
	});
	expect(found).toMatchObject({ port: 5999, failure: expect.stringMatching(/refused/i) });
	// It is no reason to take the router away: it still answers what it is sent.
	expect((await wrong.readiness("router")).ready).toBe(true);
});

test.each(["prosody", "ejabberd"] as const)(
	"a router says which domains its upstream does not serve, which is no reason to say that it is not reached: %s",
	async (internal) => {
		const [wrong, alias, wrongAlias] = ["exmaple.lab", "conference-2.example.lab", "conference-3.example.lab"];
		await using world = await World.start({
			internal,
			peers: [],
			users: ["alice"],
			nodes: [{ name: "gw-1", federation: "Disabled" }],
			chatNodes: [{ alias, node: "gw-1" }],
		});
		const node = world.node("gw-1");
		// Both at the server that has the rooms of one of them.
		const { [alias]: known } = node.intent.aliases ?? {};
		if (!known) throw new Error(`${alias} is no alias of the node`);
		const aliases = { [alias]: known, [wrongAlias]: known };
		node.intent = { ...node.intent, domains: [...node.intent.domains, wrong], aliases };
		await world.startNodes();
		const found = await waitFor("the server to have been asked for every domain", async () => {
			const { upstreams = [] } = await node.status("router");
			return upstreams.length === 5 && upstreams.every(({ served }) => served !== undefined) ? upstreams : undefined;
		});
		expect(Object.fromEntries(found.map(({ domain, served }) => [domain, served]))).toEqual({
			[local.domain]: true,
			[local.rooms]: true,
			[wrong]: false,
			[alias]: true,
			[wrongAlias]: false,
		});
		expect(found.map(({ reachable }) => reachable)).toEqual(Array.from({ length: 5 }, () => true));
	},
);

/** Each router reaches the internal server by a port of its own, which can lead to a server without its domains. */
describe("the domains of a server that runs", () => {
	const cases = {
		one: { domains: [local.domain], settings: "xmppfed_upstream_probe_interval = 3600" },
		two: { domains: [local.domain, local.rooms], settings: "xmppfed_upstream_probe_interval = 3600" },
		often: {
			domains: [local.domain, local.rooms],
			settings: "xmppfed_upstream_probe_interval = 1\nxmppfed_upstream_look_again = 1",
		},
	} as const;
	type Case = keyof typeof cases;
	const ports = new Map<Case, Forwarder>();
	let world: World;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [
				{ name: "one", federation: "Enabled" },
				{ name: "two", federation: "Disabled" },
				{ name: "often", federation: "Disabled" },
			],
		});
		world.routers = ["one"];
		await world.publish();
		const own = world.network.address(1);
		for (const name of ["one", "two", "often"] as const) {
			const port = await Forwarder.listen(own, 15_269 + ports.size, world.addressOf("internal"));
			ports.set(name, port);
			const node = world.node(name);
			const { domains, settings } = cases[name];
			node.intent = { ...node.intent, domains, upstream: { host: own, port: port.port } };
			await node.startRole("router", world.secrets, settings);
		}
	});

	afterAll(async () => {
		await Promise.all([...ports.values()].map((forwarder) => forwarder[Symbol.asyncDispose]()));
		await world?.[Symbol.asyncDispose]();
	});

	const portOf = (name: Case) => {
		const port = ports.get(name);
		if (!port) throw new Error(`no port for ${name}`);
		return port;
	};
	/** Waits until a router says of all its domains that they are served, or that they are not. Gives which are reached. */
	const reachedWhen = async (name: Case, served: boolean) =>
		await waitFor(`${name} to say that its domains are ${served ? "" : "not "}served`, async () => {
			const { upstreams = [] } = await world.node(name).status("router");
			if (upstreams.length !== cases[name].domains.length || upstreams.some((each) => each.served !== served))
				throw new Error(JSON.stringify(upstreams));
			return upstreams.map(({ reachable }) => reachable);
		});

	test("are asked for with a connection each, of which the first shows that the server answers", async () => {
		for (const name of ["one", "two"] as const) {
			await reachedWhen(name, true);
			expect(portOf(name).accepted).toBe(cases[name].domains.length);
		}
	});

	test("are asked for again after a time, so that one that is taken out is noticed, and one that comes back", async () => {
		await reachedWhen("often", true);
		portOf("often").target = world.addressOf("prosody");
		expect(await reachedWhen("often", false)).toEqual([true, true]);
		portOf("often").target = world.addressOf("internal");
		expect(await reachedWhen("often", true)).toEqual([true, true]);
	});

	test("one that is taken out is noticed at once where something is sent to it", async () => {
		await using alice = await world.internalUser("alice");
		await using bob = await world.peerUser("prosody", "bob");
		for (const name of ["two", "often"]) world.node(name).program("router").kill("SIGKILL");
		await world.node("one").startRole("federation", world.secrets);
		await world.node("one").waitUntilReady();
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "served"));
		portOf("one").target = world.addressOf("prosody");
		portOf("one").cut();
		// What is written to a connection that is cut is lost.
		await waitFor("the stream to have ended", async () =>
			(await world.node("one").status("router")).streams.every(({ direction }) => direction !== "outgoing"),
		);
		await bob.receiveError(await bob.sendMessage(alice.fullJid, "not served"));
		expect(await reachedWhen("one", false)).toEqual([true]);
	});
});
