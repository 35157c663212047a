import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RouterReports } from "../../src/controller/router-reports.ts";
import { podLayout } from "../../src/gateway/layout.ts";
import { Hopeless, waitFor } from "../lib/xmpp/wait.ts";
import type { Role } from "./lib/gateway-node.ts";
import { local, World } from "./lib/world.ts";

const reasons = async (world: World, node: string, role: Role) => {
	const { code, ready, reasons: list } = await world.node(node).readiness(role);
	expect(code).toBe(ready ? 200 : 503);
	return { ready, reasons: list.map(({ reason }) => reason) };
};

/** A cold start step by step; each test goes on from where the one before it ended. */
describe("readiness, and what senders see meanwhile", () => {
	let world: World;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [
				{ name: "gw-1", federation: "Enabled" },
				{ name: "gw-2", federation: "Disabled" },
			],
		});
	});

	afterAll(async () => {
		await world?.[Symbol.asyncDispose]();
	});

	const startRole = async (node: string, role: Role, secrets = world.secrets) => {
		const program = await world.node(node).startRole(role, secrets);
		await waitFor(`${program.name} to be alive`, async () => (await world.node(node).get(role, "/live")).ok);
		return program;
	};

	test("no node is Enabled: the router is ready and senders get remote-server-timeout", async () => {
		world.linked = [];
		await world.publish();
		await startRole("gw-2", "router");
		await waitFor("the router to be ready", async () => (await world.node("gw-2").readiness("router")).ready);
		expect(await reasons(world, "gw-2", "router")).toEqual({ ready: true, reasons: ["NoEnabledNode"] });
		await using alice = await world.internalUser("alice");
		const error = await alice.receiveError(await alice.sendMessage("bob@prosody.lab", "hello"));
		expect(error).toMatchObject({ type: "wait", condition: "remote-server-timeout" });
	});

	test("a node is Enabled and does not answer: the router is not ready", async () => {
		world.linked = ["gw-1"];
		await world.publish();
		await waitFor("the router to know", async () => !(await world.node("gw-2").readiness("router")).ready);
		const { reasons: list } = await world.node("gw-2").readiness("router");
		expect(list).toEqual([
			{
				reason: "NoLink",
				message: `No federation connection manager has been reached for: ${local.rooms}, ${local.domain}`,
			},
		]);
	});

	test("a wrong link secret never links, and both sides say so", async () => {
		const program = await startRole("gw-1", "federation", { ...world.secrets, link: "another secret" });
		await waitFor("the router to be refused", async () => {
			const { links } = await world.node("gw-2").status("router");
			return links.length === 2 && links.every(({ lastFailure }) => lastFailure?.reason.startsWith("not-authorized"));
		});
		await sleep(3_000);
		expect(await reasons(world, "gw-1", "federation")).toEqual({ ready: false, reasons: ["NoLink"] });
		expect(await reasons(world, "gw-2", "router")).toEqual({ ready: false, reasons: ["NoLink"] });
		const { links } = await world.node("gw-2").status("router");
		expect(links.map(({ state }) => state)).toEqual(["Down", "Down"]);
		expect(program.lines.some((line) => line.includes("its link secret is wrong"))).toBe(true);
		program.kill("SIGKILL");
		await program.exit;
	});

	test("with the right secret both become ready, and messages cross", async () => {
		await startRole("gw-1", "federation");
		await world.node("gw-1").waitUntilReady();
		await waitFor("the router to be ready", async () => (await world.node("gw-2").readiness("router")).ready);
		expect(await reasons(world, "gw-1", "federation")).toEqual({ ready: true, reasons: [] });
		expect(await reasons(world, "gw-2", "router")).toEqual({ ready: true, reasons: [] });
		await using alice = await world.internalUser("alice");
		await using bob = await world.peerUser("prosody", "bob");
		await bob.receiveMessage(await alice.sendMessage(bob.jid, "hello"));
		await alice.receiveMessage(await bob.sendMessage(alice.jid, "hello"));
	});

	test("status shows streams and links; every path answers whatever the Host header says", async () => {
		const node = world.node("gw-1");
		const status = await node.status("federation");
		expect(status).toMatchObject({
			ready: true,
			role: "federation",
			node: "gw-1",
			version: "Prosody 13.0.1",
			failures: [],
		});
		expect(status.certificate).toMatchObject({ file: `${podLayout.certificateDirectory}/tls.crt` });
		expect(Date.parse(status.certificate.notAfter ?? "")).toBeGreaterThan(Date.now() + 29 * 86_400_000);
		expect(status.links.map(({ domain, node: router, state }) => `${domain} ${router} ${state}`).toSorted()).toEqual([
			`${local.rooms} gw-2 Up`,
			`${local.domain} gw-2 Up`,
		]);
		for (const stream of status.streams) {
			expect(stream).toMatchObject({ peer: "prosody.lab", local: local.domain, state: "Authenticated", queued: 0 });
			expect(Math.abs(Date.parse(stream.since ?? "") - Date.now())).toBeLessThan(60_000);
		}
		expect(status.streams.map(({ direction }) => direction).toSorted()).toEqual(["incoming", "outgoing"]);
		for (const path of ["/live", "/ready", "/status"]) {
			const response = await node.get("federation", path, { host: "whatever.example" });
			expect([path, response.status, response.headers.get("content-type")]).toEqual([path, 200, "application/json"]);
		}
	});

	test("the operator understands what both processes say", async () => {
		const asked = [
			["router", "gw-2", podLayout.routerHttpPort, "/status"],
			["federation", "gw-1", podLayout.federationHttpPort, "/status"],
			["federation, shorter", "gw-1", podLayout.federationHttpPort, "/status/settings"],
		] as const;
		const processes = new Map(
			asked.map(([what, node, port, path]) => [
				what,
				{ url: `http://${world.node(node).address}:${port}${path}`, ready: true },
			]),
		);
		const warnings: string[] = [];
		const log = pino({ level: "warn" }, { write: (line) => void warnings.push(line) });
		const reports = new RouterReports({ log, onChange: () => {} });
		const stopping = new AbortController();
		const running = reports.run(stopping.signal);
		const told = () => reports.use("test/federation", processes);
		await waitFor("every process to be understood", () => {
			if (warnings.length > 0) throw new Hopeless(warnings.join(""));
			return told().size === processes.size;
		});
		expect(told().get("router")).toMatchObject({ reachable: true, links: [{ up: true }, { up: true }] });
		stopping.abort();
		await running;
	});

	test("a failure with a peer is kept", async () => {
		await using alice = await world.internalUser("alice");
		await alice.receiveError(await alice.sendMessage("nobody@unknown.lab", "hello"));
		const { failures } = await world.node("gw-1").status("federation");
		expect(failures).toEqual([
			expect.objectContaining({
				peer: "unknown.lab",
				local: local.domain,
				direction: "outgoing",
				cause: "NameNotFound",
				detail: "_xmpp-server._tcp.unknown.lab does not exist, and unknown.lab has no address",
			}),
		]);
	});

	test("the router goes: the federation connection manager stays ready, says so, and peers get remote-server-timeout", async () => {
		const router = world.node("gw-2").program("router");
		router.kill("SIGKILL");
		await router.exit;
		await waitFor(
			"the link to be gone",
			async () => (await world.node("gw-1").status("federation")).links.length === 0,
		);
		expect(await reasons(world, "gw-1", "federation")).toEqual({ ready: true, reasons: ["NoLink"] });
		await using bob = await world.peerUser("prosody", "bob");
		const error = await bob.receiveError(await bob.sendMessage("alice@example.lab", "hello"));
		expect(error).toMatchObject({ type: "wait", condition: "remote-server-timeout" });
	});

	test("the federation connection manager goes: the router stays ready and says so", async () => {
		await startRole("gw-2", "router");
		await waitFor("the router to be ready", async () => (await world.node("gw-2").readiness("router")).ready);
		const federation = world.node("gw-1").program("federation");
		federation.kill("SIGKILL");
		await federation.exit;
		await waitFor("the router to notice", async () => {
			const { links } = await world.node("gw-2").status("router");
			return links.every(({ state }) => state === "Down");
		});
		expect(await reasons(world, "gw-2", "router")).toEqual({ ready: true, reasons: ["NoLink"] });
	});

	test("every line of every log is JSON, from the first one on", async () => {
		const programs = world.nodes.flatMap(({ machine }) => machine.programs);
		expect(programs).toHaveLength(4);
		for (const { lines } of programs) {
			for (const line of lines) {
				expect(JSON.parse(line)).toMatchObject({
					ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
					level: expect.stringMatching(/^(info|warn|error)$/),
					role: expect.stringMatching(/^(router|federation)$/),
					node: expect.stringMatching(/^gw-[12]$/),
					module: expect.any(String),
					msg: expect.any(String),
				});
			}
			expect(lines[0]).toContain("Hello and welcome to Prosody");
			expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
		}
	});
});
