import { xml } from "@xmpp/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FederationPolicySpec } from "../../src/api/federation-policy.ts";
import { auditText } from "../../src/cli/audit-text.ts";
import { auditStatus } from "../../src/cli/audit-view.ts";
import { plain } from "../../src/cli/terminal.ts";
import { podLayout } from "../../src/gateway/layout.ts";
import { policyListFiles } from "../../src/gateway/policy.ts";
import { revisionFile, settingsFiles, settingsRevision } from "../../src/gateway/settings.ts";
import { decide } from "../../src/model/policy/rules.ts";
import { allPages } from "../lib/pages.ts";
import { scaled } from "../lib/scale.ts";
import { shownCommands } from "../lib/shown-commands.ts";
import { StanzaErrorReceived, type XmppClient } from "../lib/xmpp/client.ts";
import { Hopeless, waitFor } from "../lib/xmpp/wait.ts";
import { parseOpenMetrics, sumOf } from "./lib/openmetrics.ts";
import { enforces, mountPolicy, policy } from "./lib/policies.ts";
import { PlayedPeers } from "./lib/raw-peer.ts";
import { local, peers, type ServerKind, serverKinds, World } from "./lib/world.ts";

type Policy = Omit<FederationPolicySpec, "federationRef">;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.keys has no better type
const kinds = Object.keys(serverKinds) as ServerKind[];
const violation = "policy-violation";
const text = "The policy of this server does not allow messages with this domain";
const denyAll: Policy = { default: "Deny" };

/** What docs/policy.md says that `policy audit` prints. */
async function shownAudit(): Promise<string | undefined> {
	const commands = (await allPages()).get("docs/policy.md")?.blocks.flatMap(shownCommands) ?? [];
	return commands.find(({ command }) => command.includes("policy audit"))?.printed;
}

/** With what is another each time as one. */
function written(output: string | undefined): string | undefined {
	return output?.trimEnd().replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME");
}

/**
 * The policy (R11) with real peers, and with one that the test plays, which shows every byte that goes to it. The peers'
 * users are bob; carol is of the played peer.
 */
describe("policy", () => {
	let world: World;
	let alice: XmppClient;
	let played: PlayedPeers;
	const bobs = new Map<ServerKind, XmppClient>();
	const carol = "carol@peer.lab/phone";
	const gateway = () => [world.node("gw-1").address, podLayout.federationPort] as const;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: kinds,
			users: ["alice", "bob"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		const own = world.network.address(1);
		played = await PlayedPeers.listen(own);
		await world.publish(
			["peer.lab", "other.lab"].flatMap((domain) => [
				`_xmpp-server._tcp.${domain}. SRV 0 0 5269 xmpp.${domain}.`,
				`xmpp.${domain}. A ${own}`,
			]),
		);
		await world.startNodes();
		alice = await world.internalUser("alice");
		for (const kind of kinds) bobs.set(kind, await world.peerUser(kind, "bob"));
	});

	afterAll(async () => {
		for (const client of [alice, ...bobs.values()]) await client?.[Symbol.asyncDispose]();
		played?.[Symbol.dispose]();
		await world?.[Symbol.asyncDispose]();
	});

	async function apply(spec: Policy | undefined, lists?: Record<string, string>): Promise<void> {
		const given = spec && policy(spec, lists);
		await mountPolicy(world.node("gw-1"), given);
		await enforces(world.node("gw-1"), given);
	}

	const bob = (kind: ServerKind) => {
		const client = bobs.get(kind);
		if (!client) throw new Error(`there is no bob at ${kind}`);
		return client;
	};

	/** Whether a message arrives; where not, its error must come. ejabberd waits a moment after a stream that failed. */
	async function arrives(from: XmppClient, to: XmppClient, patience: number): Promise<boolean> {
		for (const end = Date.now() + patience; ; ) {
			const id = await from.sendMessage(to.fullJid, "hello");
			const outcome = await Promise.race([to.receiveMessage(id).then(() => true), from.receiveError(id)]);
			if (outcome === true) return true;
			expect(to.received.some(({ attrs }) => attrs.id === id && attrs.type !== "error")).toBe(false);
			if (Date.now() > end) return false;
		}
	}

	const decisions = async () => {
		const samples = parseOpenMetrics(await (await world.node("gw-1").get("federation", "/metrics")).text());
		return (direction: "in" | "out", decision: string) =>
			sumOf(samples, "xmppfed_policy_decisions_total", { direction, decision });
	};

	/** What was said to the played peer but what dialback and streams need. */
	const stanzasTo = (domain: string) => played.received(domain).match(/<(message|iq|presence)\b[^>]*>/g) ?? [];

	/** A message to the played peer's domain arrives, and so does all that was sent there before. */
	async function reachesPlayed(): Promise<void> {
		const id = await alice.sendMessage(carol, "marker");
		await waitFor("the marker", () => {
			const error = alice.received.find(({ attrs }) => attrs.id === id && attrs.type === "error");
			if (error) throw new Hopeless(error.toString());
			return played.received("peer.lab").includes(id);
		});
	}

	describe("every cell", () => {
		interface Cell {
			readonly strategy: "Live" | "Documented";
			readonly default: "Allow" | "Deny";
			readonly enforcement: "Enforce" | "Audit";
			readonly pattern: string;
			readonly direction: "Both" | "Incoming" | "Outgoing";
		}
		const all = (["Live", "Documented"] as const).flatMap((strategy) =>
			(["Enforce", "Audit"] as const).flatMap((enforcement) =>
				(["Allow", "Deny"] as const).flatMap((verdict) =>
					["other.example", "DOMAIN", "*.DOMAIN", "*.lab"].flatMap((pattern) =>
						(["Both", "Incoming", "Outgoing"] as const).map(
							(direction): Cell => ({ strategy, default: verdict, enforcement, pattern, direction }),
						),
					),
				),
			),
		);
		const part = all.filter(
			({ strategy, enforcement, pattern, direction }) =>
				strategy === "Live" &&
				((enforcement === "Enforce" && pattern === "DOMAIN") || (pattern === "*.lab" && direction === "Both")),
		);
		/** Messages, by what came of them. */
		const totals = { arrived: 0, refused: 0 };
		afterAll(() => console.log(`${JSON.stringify(totals)} of messages both ways with ${kinds.join(" and ")}`));

		/** A node that starts with a policy, as one with the strategy Documented does when it changes. */
		async function restartWith(spec: Policy): Promise<void> {
			const node = world.node("gw-1");
			const given = policy(spec);
			const federation = node.program("federation");
			federation.kill("SIGKILL");
			await federation.exit;
			const { strategy: _live, policy: _before, ...intent } = node.intent;
			node.intent = { ...intent, policy: given.intent };
			const texts = new Map(given.lists.map(({ digest, text: list }) => [digest, list]));
			const lists = Object.entries(policyListFiles(node.intent)).map(([file, digest]) => [file, texts.get(digest)]);
			await node.mountSettings({ ...settingsFiles(node.intent), ...Object.fromEntries(lists) });
			await node.startRole("federation", world.secrets);
			await node.waitUntilReady();
			await enforces(node, given);
		}

		test.each(scaled(part, all))(
			"$strategy: $enforcement, default $default, $direction for $pattern",
			{ timeout: 120_000 },
			async ({ strategy, pattern, direction, ...more }) => {
				const domains = pattern.includes("DOMAIN")
					? kinds.map((kind) => pattern.replace("DOMAIN", peers[kind].domain))
					: [pattern];
				const spec: Policy = { ...more, exceptions: domains.map((domain) => ({ domain, direction })) };
				// So that no stream of the cell before is left
				await apply(denyAll);
				await (strategy === "Live" ? apply : restartWith)(spec);
				const { rules } = policy(spec);
				const before = await decisions();
				const found = await Promise.all(
					kinds.map(async (kind) => {
						const { domain } = peers[kind];
						const allowed = (way: "Incoming" | "Outgoing") =>
							more.enforcement === "Audit" || decide(rules, domain, way).verdict === "Allow";
						const [out, into] = [allowed("Outgoing"), allowed("Incoming")];
						return {
							kind,
							expected: { out, into },
							found: {
								out: await arrives(alice, bob(kind), out ? 30_000 : 0),
								into: await arrives(bob(kind), alice, into ? 30_000 : 0),
							},
						};
					}),
				);
				expect(found.map(({ kind, ...each }) => [kind, each.found])).toEqual(
					found.map(({ kind, expected }) => [kind, expected]),
				);
				const arrived = found.flatMap((each) => [each.found.out, each.found.into]).filter(Boolean).length;
				totals.arrived += arrived;
				totals.refused += 2 * found.length - arrived;
				const after = await decisions();
				const [{ expected } = { expected: { out: true, into: true } }] = found;
				const audited = more.enforcement === "Audit" && decide(rules, "prosody.lab", "Outgoing").verdict === "Deny";
				const decision = audited ? "WouldDeny" : expected.out ? "Allowed" : "Denied";
				expect(after("out", decision)).toBeGreaterThan(before("out", decision));
			},
		);
	});

	test("Incoming only: what the peer sends arrives, and nothing at all goes back", { timeout: 120_000 }, async () => {
		await apply(denyAll);
		await apply({ default: "Deny", exceptions: [{ domain: "peer.lab", direction: "Incoming" }] });
		using stream = await played.openAuthenticated(...gateway(), "peer.lab", local.domain);
		const send = (name: string, to: string, attributes: string, content = "") =>
			stream.send(`<${name} from='${carol}' to='${to}' ${attributes}>${content}</${name}>`);
		const receipt = "<request xmlns='urn:xmpp:receipts'/>";
		send("message", alice.fullJid, "id='m1' type='chat'", `<body>hello</body>${receipt}`);
		await alice.receiveMessage("m1");
		// What the internal server answers, and what it cannot deliver
		send("iq", local.domain, "id='i1' type='get'", "<query xmlns='http://jabber.org/protocol/disco#info'/>");
		send("iq", alice.fullJid, "id='i2' type='get'", "<query xmlns='urn:example:nothing'/>");
		send("message", `nobody@${local.domain}`, "id='m2' type='chat'", "<body>hello</body>");
		send("presence", alice.jid, "id='p1' type='subscribe'");
		send("presence", alice.jid, "id='p2' type='probe'");
		await alice.receivePresence("carol@peer.lab", "subscribe");
		// What a client answers, and what it sends by itself
		await alice.send(
			xml("message", { to: carol, id: "r1" }, xml("received", { xmlns: "urn:xmpp:receipts", id: "m1" })),
		);
		await alice.send(xml("presence", { to: "carol@peer.lab", type: "subscribed" }));
		await alice.send(xml("iq", { to: carol, id: "i2", type: "result" }));
		const own = await alice.sendMessage(carol, "an answer");
		expect(await alice.receiveError(own)).toEqual({ type: "cancel", condition: violation, text });
		expect(await alice.receiveError("r1")).toMatchObject({ condition: violation });
		await expect(alice.ping(carol)).rejects.toBeInstanceOf(StanzaErrorReceived);
		// What the gateway itself answers, while the internal server is away
		await world.stopServer("internal");
		const router = world.node("gw-1");
		await waitFor("the router to withdraw", async () =>
			(await router.status("federation")).links.every(({ state }) => state === "Withdrawn"),
		);
		const before = (await decisions())("out", "Denied");
		send("message", alice.fullJid, "id='m3' type='chat'", "<body>hello</body>");
		send("iq", alice.fullJid, "id='i3' type='get'", "<ping xmlns='urn:xmpp:ping'/>");
		await waitFor("the gateway's own errors to be dropped", async () => {
			const denied = (await decisions())("out", "Denied") - before;
			if (denied < 2) throw new Error(`${denied} of 2`);
			return true;
		});
		expect(stanzasTo("peer.lab")).toEqual([]);
		expect(stream.received).not.toMatch(/<(message|iq|presence)\b/);
		await world.startServer("internal");
		await world.waitForServer("internal");
		await alice[Symbol.asyncDispose]();
		alice = await world.internalUser("alice");
		await waitFor("the router to offer its links", async () =>
			(await router.status("federation")).links.every(({ state }) => state === "Up"),
		);
	});

	test("Outgoing only: what is sent arrives, and no answer comes in", { timeout: 120_000 }, async () => {
		await apply(denyAll);
		await apply({ default: "Deny", exceptions: [{ domain: "peer.lab", direction: "Outgoing" }] });
		await reachesPlayed();
		// Its stream is taken, for what it may ask on it
		using stream = await played.openAuthenticated(...gateway(), "peer.lab", local.domain);
		await alice.send(xml("iq", { to: carol, id: "q1", type: "get" }, xml("ping", { xmlns: "urn:xmpp:ping" })));
		await waitFor("the ping", () => played.received("peer.lab").includes("q1"));
		stream.send(`<iq from='${carol}' to='${alice.fullJid}' id='q1' type='result'/>`);
		stream.send(`<message from='${carol}' to='${alice.fullJid}' id='e1' type='error'/>`);
		stream.send(`<presence from='${carol}' to='${alice.fullJid}' id='p3'/>`);
		stream.send(`<message from='${carol}' to='${alice.fullJid}' id='m4' type='chat'><body>hello</body></message>`);
		await waitFor("the error", () => /<message[^>]*id='m4'/.test(played.received("peer.lab")));
		const answers = played.received("peer.lab");
		expect(answers).toContain(text);
		expect(answers).toMatch(/<presence[^>]*id='p3'[^>]*>/);
		expect(answers).not.toMatch(/id='e1'/);
		expect(alice.received.filter(({ attrs }) => ["q1", "e1", "p3", "m4"].includes(attrs.id ?? ""))).toEqual([]);
	});

	test("nothing allowed: its streams are refused with the reason, and none is opened to it", async () => {
		await apply(undefined);
		const stream = await played.openAuthenticated(...gateway(), "peer.lab", local.domain);
		const streams = played.streams.get("peer.lab")?.length;
		await apply(denyAll);
		await stream.receive(text);
		expect(stream.received).toContain(`<${violation} `);
		await waitFor("the stream that was open to be closed", () => stream.closed);
		await waitFor("ours to it to be closed", () => played.streams.get("peer.lab")?.every(({ closed }) => closed));
		await expect(PlayedPeers.open(...gateway(), "peer.lab", local.domain)).rejects.toThrow("<stream:features");
		const id = await alice.sendMessage(carol, "hello");
		expect(await alice.receiveError(id)).toEqual({ type: "cancel", condition: violation, text });
		expect(played.streams.get("peer.lab")?.length).toBe(streams);
	});

	test("a domain that is denied does not come in on the stream of another one", async () => {
		await apply({ default: "Allow", exceptions: [{ domain: "other.lab" }] });
		using stream = await played.openAuthenticated(...gateway(), "peer.lab", local.domain);
		stream.send(`<db:result from='other.lab' to='${local.domain}'>key</db:result>`);
		await stream.receive("type='error'");
		expect(stream.received).toContain(`<${violation} `);
		stream.send(`<message from='${carol}' to='${alice.fullJid}' id='still' type='chat'><body>x</body></message>`);
		await alice.receiveMessage("still");
		expect(played.streams.has("other.lab")).toBe(false);
	});

	test("streams that are open when one direction is denied stay, and what is denied on them is refused", async () => {
		await apply(undefined);
		using stream = await played.openAuthenticated(...gateway(), "peer.lab", local.domain);
		await reachesPlayed();
		await apply({ default: "Allow", exceptions: [{ domain: "peer.lab", direction: "Incoming" }] });
		stream.send(`<message from='${carol}' to='${alice.fullJid}' id='late' type='chat'><body>x</body></message>`);
		await waitFor("the error", () => /id='late'/.test(played.received("peer.lab")));
		await reachesPlayed();
		await apply({ default: "Allow", exceptions: [{ domain: "peer.lab", direction: "Outgoing" }] });
		stream.send(`<message from='${carol}' to='${alice.fullJid}' id='again' type='chat'><body>x</body></message>`);
		await alice.receiveMessage("again");
		expect(await alice.receiveError(await alice.sendMessage(carol, "x"))).toMatchObject({ condition: violation });
		expect(alice.received.some(({ attrs }) => attrs.id === "late")).toBe(false);
		expect(stream.closed).toBe(false);
	});

	test("Audit lists whom it would have denied, and denies nobody", async () => {
		await apply({ default: "Deny", enforcement: "Audit", exceptions: [{ domain: "*.lab", direction: "Outgoing" }] });
		using stream = await played.openAuthenticated(...gateway(), "peer.lab", local.domain);
		for (const id of ["a1", "a2"])
			stream.send(`<message from='${carol}' to='${alice.fullJid}' id='${id}' type='chat'><body>x</body></message>`);
		await alice.receiveMessage("a2");
		await reachesPlayed();
		const status = auditStatus.parse(await world.node("gw-1").status("federation"));
		const pod = { namespace: "chat", name: "example-gw-1", federation: "example", node: "gw-1", containers: [] };
		expect(written(auditText([{ pod, status }], plain))).toBe(written(await shownAudit()));
	});

	test("a list of 100,000 domains is taken while others are served", { timeout: 120_000 }, async () => {
		await apply(undefined);
		const many = Array.from({ length: 99_999 }, (_, index) => `d${index}.${"x".repeat(12)}.example`);
		const given: Policy = { default: "Allow", exceptionsFrom: [{ configMapRef: { name: "blocked" } }] };
		const changed = apply(given, { blocked: [...many, "*.peer.lab"].join("\n") });
		for (const kind of kinds) expect(await arrives(bob(kind), alice, 30_000)).toBe(true);
		await changed;
		expect(await alice.receiveError(await alice.sendMessage(carol, "x"))).toMatchObject({ condition: violation });
		const { policy: report } = await world.node("gw-1").status("federation");
		expect(report).toMatchObject({ exceptions: 100_000, wouldDeny: [] });
	});

	test("a start with the list of another policy denies everything, until its own is there", async () => {
		const node = world.node("gw-1");
		const next = policy({ default: "Allow", exceptions: [{ domain: "peer.lab" }] });
		const [list] = next.lists;
		if (!list) throw new Error("an exception makes a list");
		await mountPolicy(node, { ...next, lists: [{ ...list, text: "B other.lab\n" }] });
		const program = node.program("federation");
		program.kill("SIGKILL");
		await program.exit;
		await node.startRole("federation", world.secrets);
		await node.waitUntilReady();
		expect((await node.inForce("federation")).policy).toEqual({ failure: "policy-0.list is of another policy" });
		expect((await node.status("federation")).policy).toMatchObject({ default: "Deny" });
		// Its settings are what they were: the list alone is another one.
		await mountPolicy(node, next);
		await enforces(node, next);
		expect(await alice.receiveError(await alice.sendMessage(carol, "x"))).toMatchObject({ condition: violation });
	});

	test("a policy that cannot be used changes nothing; at a start everything is denied", {
		timeout: 120_000,
	}, async () => {
		const node = world.node("gw-1");
		await apply({ default: "Allow", exceptions: [{ domain: "other.lab" }] });
		await reachesPlayed();
		const lists = Object.keys(policyListFiles(node.intent)).map((name) => [name, "B other.lab\n"]);
		const { [revisionFile]: _revision, ...files } = settingsFiles(node.intent);
		const broken = { ...files, ...Object.fromEntries(lists), "policy.json": `{"default":"Perhaps"}\n` };
		await node.mountSettings({ ...broken, [revisionFile]: settingsRevision(broken) });
		await waitFor("the failure", async () => (await node.status("federation")).policy?.failure);
		await reachesPlayed();
		const program = node.program("federation");
		program.kill("SIGKILL");
		await program.exit;
		await node.startRole("federation", world.secrets);
		await node.waitUntilReady();
		const { policy: report } = await node.status("federation");
		expect(report).toMatchObject({ default: "Deny", failure: "it is not one of this version" });
		await waitFor("the policy to speak", async () => {
			const error = await alice.receiveError(await alice.sendMessage(carol, "x"));
			return error.condition === violation;
		});
	});
});
