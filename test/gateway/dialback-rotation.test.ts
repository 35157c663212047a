import { createHash, createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { luaValue } from "../../src/gateway/lua.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { GatewayNode, Role } from "./lib/gateway-node.ts";
import { PlayedPeers, streamHeader } from "./lib/raw-peer.ts";
import { RawStream } from "./lib/raw-stream.ts";
import { Traffic } from "./lib/traffic.ts";
import { local, peers, World } from "./lib/world.ts";

const roles = ["router", "federation"] as const;
const [before, after] = ["the dialback secret before", "the dialback secret after"];
const peer = peers.prosody.domain;

/** No peer's certificate verifies, so that all are identified by dialback and identify us by it. */
const settings = [
	[
		"ssl",
		{
			certificate: `${podLayout.certificateDirectory}/tls.crt`,
			key: `${podLayout.certificateDirectory}/tls.key`,
			capath: false,
		},
	],
	// Longer than DNS answers are kept here.
	["xmppfed_deregistration", 2],
] as const;
const settingsText = settings.map(([name, value]) => `${name} = ${luaValue(value)}`).join("\n");

/** As mod_dialback makes it (XEP-0185). */
function key(secret: string, to: string, from: string, id: string): string {
	const hash = createHash("sha256").update(secret).digest("hex");
	return createHmac("sha256", hash).update(`${to} ${from} ${id}`).digest("hex");
}

/** Each test goes on from where the one before it ended. */
describe("the dialback secret", () => {
	let world: World;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [
				{ name: "gw-1", federation: "Enabled" },
				{ name: "gw-2", federation: "Enabled" },
			],
		});
		for (const node of world.nodes) await start(node, before);
		await Promise.all(world.nodes.map((node) => node.waitUntilReady()));
	});

	afterAll(async () => {
		await world?.[Symbol.asyncDispose]();
	});

	async function start(node: GatewayNode, dialback: string): Promise<void> {
		for (const role of roles) await node.startRole(role, { ...world.secrets, dialback }, settingsText);
	}

	/** What the rotation does to one node: a stop as planned, and a start with the secret that signs now. */
	async function restart(node: GatewayNode, dialback: string): Promise<void> {
		const ending = roles.map((role) => node.program(role));
		for (const program of ending) program.kill("SIGTERM");
		for (const program of ending) await program.exit;
		await start(node, dialback);
		await node.waitUntilReady();
		for (const { intent } of world.nodes) {
			await waitFor(`every link of ${intent.name} to be up`, async () => {
				const { links } = await world.node(intent.name).status("router");
				return links.length === 4 && links.every(({ state }) => state === "Up");
			});
		}
	}

	async function accept(secrets: Readonly<Record<string, string>>): Promise<void> {
		for (const node of world.nodes) await node.mountDialbackSecrets(secrets);
		for (const node of world.nodes) {
			for (const role of roles) {
				await waitFor(`the ${role} of ${node.intent.name} to accept them`, async () => {
					const { accepted, failure } = (await node.status(role)).dialback;
					return failure === undefined && accepted.join() === Object.keys(secrets).join();
				});
			}
		}
	}

	/** What a process says of keys that it is asked about. */
	async function verdicts(role: Role, keys: Readonly<Record<string, string>>): Promise<Record<string, string>> {
		const { address } = world.node("gw-1");
		const [from, to] = role === "router" ? [local.domain, peer] : [peer, local.domain];
		using stream =
			role === "router"
				? await RawStream.connect(address, podLayout.routerPort)
				: await PlayedPeers.open(address, podLayout.federationPort, from, to);
		if (role === "router") stream.send(streamHeader(`from='${from}' to='${to}'`));
		const found: Record<string, string> = {};
		for (const [id, text] of Object.entries(keys)) {
			stream.send(`<db:verify from='${from}' to='${to}' id='${id}'>${text}</db:verify>`);
			const answer = new RegExp(`<db:verify[^>]*id='${id}'[^>]*>`);
			const element = await waitFor(`an answer about ${id}`, () => answer.exec(stream.received)?.[0]);
			found[id] = /type='(\w+)'/.exec(element)?.[1] ?? "";
		}
		return found;
	}

	const keysOf = (role: Role) => {
		const [from, to] = role === "router" ? [local.domain, peer] : [peer, local.domain];
		return {
			before: key(before, from, to, "before"),
			after: key(after, from, to, "after"),
			replayed: key(before, from, to, "before"),
			foreign: key("a secret of somebody else", from, to, "foreign"),
			empty: "",
		};
	};
	const invalid = { replayed: "invalid", foreign: "invalid", empty: "invalid" };

	test.each(roles)("is the only one whose keys the %s takes while no other is accepted", async (role) => {
		expect(await verdicts(role, keysOf(role))).toEqual({ before: "valid", after: "invalid", ...invalid });
	});

	test("is replaced while messages cross and peers ask at the other node: none is lost, no key is refused", async () => {
		await using alice = await world.internalUser("alice");
		await using bob = await world.peerUser("prosody", "bob");
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "ready"));
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "ready"));
		const traffic = [new Traffic(alice, bob, 50), new Traffic(bob, alice, 50)];

		await accept({ a: before, b: after });
		for (const role of roles) {
			expect(await verdicts(role, keysOf(role))).toEqual({ before: "valid", after: "valid", ...invalid });
		}
		// One node signs with the new secret while peers, and the internal server, ask the other one, which signs with the old.
		for (const node of world.nodes) {
			const others = world.nodes.filter((other) => other !== node).map(({ intent }) => intent.name);
			[world.published, world.routers] = [others, others];
			await world.publish();
			await restart(node, after);
			const arrived = traffic.map((one) => one.arrived);
			await waitFor("messages both ways", () =>
				traffic.every((one, index) => one.arrived > (arrived[index] ?? 0) + 50),
			);
		}
		await accept({ b: after });
		const results = await Promise.all(traffic.map((one) => one.stop()));
		for (const result of results) {
			expect(result.sent).toBeGreaterThan(100);
			expect(result).toMatchObject({ lost: 0, duplicated: 0 });
		}
		const programs = [
			...world.nodes.flatMap(({ programs: own }) => Object.values(own)),
			world.server("prosody"),
			world.internal,
		];
		expect(
			programs.flatMap(({ lines }) =>
				lines.filter((line) => /denied the key|key that was incorrect|dialback authentication failed/.test(line)),
			),
		).toEqual([]);
	}, 120_000);

	test.each(roles)("is not taken any more by the %s when it has been dropped", async (role) => {
		expect(await verdicts(role, keysOf(role))).toEqual({ before: "invalid", after: "valid", ...invalid });
	});

	test("stays accepted while the directory cannot be used, which is told", async () => {
		await accept({ a: before, b: after });
		await world.node("gw-1").mountDialbackSecrets({ a: "", b: after });
		await waitFor(
			"the failure",
			async () => (await world.node("gw-1").status("router")).dialback.failure === "a cannot be read",
		);
		expect((await world.node("gw-1").status("router")).dialback.accepted).toEqual(["a", "b"]);
		expect(await verdicts("router", keysOf("router"))).toMatchObject({ before: "valid", after: "valid" });
	});
});
