import { expect, test } from "vitest";
import { waitFor } from "../lib/xmpp/wait.ts";
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
