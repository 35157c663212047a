import { setTimeout as sleep } from "node:timers/promises";
import { xml } from "@xmpp/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { internalUser, patientLogin, remoteUser } from "../../deploy/demo/conversation.ts";
import { gatewayStatuses } from "../../deploy/demo/gateway-status.ts";
import { defaults } from "../../src/api/defaults.ts";
import type { FederationPolicySpec } from "../../src/api/federation-policy.ts";
import { compilePolicy } from "../../src/model/policy/compile.ts";
import { decide } from "../../src/model/policy/rules.ts";
import { programmed } from "../lib/cluster/attached.ts";
import { images, useScene } from "../lib/cluster/environment.ts";
import { apply, liveFederation, rollOut } from "../lib/cluster/federation.ts";
import { nodePortAddress } from "../lib/cluster/node-ports.ts";
import { type Peer, removePeer, startPeer } from "../lib/cluster/peer.ts";
import { runningPods } from "../lib/cluster/pods.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";

/**
 * Every cell of the policy (R11): each exception that a domain may have, in each direction, of a peer with a Prosody and
 * of one with an ejabberd, decided by both defaults, and sent to by a user of each side. All exceptions are in one policy,
 * so that a change of it decides all cells at once. Each policy goes on from the one before it.
 */
const programs = ["prosody", "ejabberd"] as const;
const directions = ["Both", "Incoming", "Outgoing"] as const;
type Direction = (typeof directions)[number];
type Way = Exclude<Direction, "Both">;
type Exceptions = NonNullable<FederationPolicySpec["exceptions"]>;

/** Exceptions of a domain, which is `host.ABOVE`. */
const kinds = {
	"none that fits": (domain, _above, direction) => [
		{ domain: `below.${domain}`, direction },
		// The end of its name alone is the same.
		{ domain: `*.${domain.slice(1)}`, direction },
	],
	"the domain": (domain, _above, direction) => [{ domain, direction }],
	"its wildcard": (domain, _above, direction) => [{ domain: `*.${domain}`, direction }],
	"a wildcard above": (_domain, above, direction) => [{ domain: `*.${above}`, direction }],
	"the domain, against a wildcard above": (domain, above, direction) => [
		{ domain, direction },
		{ domain: `*.${above}`, direction: against[direction] },
	],
} as const satisfies Record<string, (domain: string, above: string, direction: Direction) => Exceptions>;
type Kind = keyof typeof kinds;
const against = { Both: "Incoming", Incoming: "Outgoing", Outgoing: "Incoming" } as const;

interface Cell {
	readonly program: (typeof programs)[number];
	readonly kind: Kind;
	readonly direction: Direction;
	/** Domain of the peer. */
	readonly domain: string;
	readonly exceptions: Exceptions;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.keys has no better type
const cells = (Object.keys(kinds) as Kind[]).flatMap((kind, index) =>
	programs.flatMap((program) =>
		directions.map((direction): Cell => {
			const above = `kind-${index}-${direction.toLowerCase()}.${program}-policies.lab`;
			const domain = `host.${above}`;
			return { program, kind, direction, domain, exceptions: kinds[kind](domain, above, direction) };
		}),
	),
);

interface Played {
	readonly enforcement: "Enforce" | "Audit";
	readonly default: "Allow" | "Deny";
}

/** The law, said of a cell by its own words: `src/model/policy` comes to it by look-ups. Whether a message passes. */
function passes(by: Played, { kind, direction }: Pick<Cell, "kind" | "direction">, way: Way): boolean {
	if (by.enforcement === "Audit") return true;
	const isExcepted = kind !== "none that fits" && (direction === "Both" || direction === way);
	return (by.default === "Allow") !== isExcepted;
}

const names = ["gw-1", "gw-2", "inside"];
const stage = useScene("policies", {
	internalServer: "prosody",
	nodes: [{ name: "gw-1", federation: "Enabled" }, { name: "gw-2", federation: "Enabled" }, { name: "inside" }],
});
const { namespace, domain: internalDomain } = stage.scene.internal;
const federation = { namespace, name: stage.scene.federation };
const peers = programs.map((program): Peer => {
	const own = `${program}-policies.lab`;
	const moreDomains = cells.filter((cell) => cell.program === program).map(({ domain }) => domain);
	const namespaceOfPeer = `policies-${program}`;
	return { name: program, namespace: namespaceOfPeer, program, domain: own, moreDomains, roomsDomain: `rooms.${own}` };
});

let alice: XmppClient;
/** The user of each peer domain. */
const bobs = new Map<string, XmppClient>();
const rows: string[] = [];
/** Messages that were refused to their senders, and whom they must never reach. */
const refused: { readonly id: string; readonly to: XmppClient }[] = [];
/** What was asked by somebody to whom nothing may go back. */
const unanswerable: { readonly id: string; readonly from: XmppClient }[] = [];

beforeAll(async () => {
	const { kubectl, scene } = stage;
	const { name: user, password } = internalUser;
	const address = await nodePortAddress(kubectl, namespace, scene.internal.server);
	alice = await patientLogin({ user, password, domain: internalDomain, ...address });
	for (const peer of peers) {
		await startPeer(kubectl, peer, images().xmppServer);
		const account = { user: remoteUser.name, password: remoteUser.password };
		const addressOfPeer = await nodePortAddress(kubectl, peer.namespace, peer.name);
		for (const domain of peer.moreDomains ?? []) {
			bobs.set(domain, await patientLogin({ ...account, domain, ...addressOfPeer }));
		}
	}
});

afterAll(async () => {
	for (const client of [alice, ...bobs.values()]) await client?.[Symbol.asyncDispose]();
	for (const peer of peers) await removePeer(stage.kubectl, peer);
	console.log([...tableHead, ...rows].join("\n"));
});

const bobOf = ({ domain }: Cell): XmppClient => {
	const bob = bobs.get(domain);
	if (!bob) throw new Error(`there is no bob at ${domain}`);
	return bob;
};

/** What becomes of a message. Its sender is always told where it does not arrive. */
type Fate =
	| "arrives"
	/** The gateway answers for the other side: policy-violation. */
	| "is refused"
	/** The gateway takes no stream from the sender's server, which is told why and answers itself. */
	| "has no stream";

function lawful(by: Played, cell: Cell): { readonly out: Fate; readonly into: Fate } {
	const [out, into] = [passes(by, cell, "Outgoing"), passes(by, cell, "Incoming")];
	return { out: out ? "arrives" : "is refused", into: into ? "arrives" : out ? "is refused" : "has no stream" };
}

/**
 * Sends a message and sees what becomes of it. While servers have not found each other yet it is tried again, and so it is
 * where no stream was taken: for a second an ejabberd says of a server what it heard last (`s2s_max_retry_delay`).
 */
async function fate(from: XmppClient, to: XmppClient): Promise<Fate> {
	let withoutStream = 0;
	for (const end = Date.now() + 60_000; ; await sleep(1_500)) {
		const id = await from.sendMessage(to.fullJid, "hello");
		const error = await Promise.race([to.receiveMessage(id).then(() => undefined), from.receiveError(id)]);
		if (!error) return "arrives";
		refused.push({ id, to });
		if (error.condition === "policy-violation") return "is refused";
		withoutStream += error.text?.includes("policy-violation") ? 1 : 0;
		if (withoutStream === 3) return "has no stream";
		if (Date.now() > end) throw new Error(`${from.jid} → ${to.jid}: ${error.condition}: ${error.text}`);
	}
}

/** Sends what a server and a client answer by themselves: nothing of that may go back. */
async function ask(from: XmppClient, to: XmppClient): Promise<void> {
	const [, domain] = to.jid.split("@");
	unanswerable.push({ id: await from.sendMessage(`nobody@${domain}`, "is there anybody?"), from });
	const id = `question-${unanswerable.length}`;
	unanswerable.push({ id, from });
	await from.send(xml("iq", { to: to.fullJid, type: "get", id }, xml("ping", { xmlns: "urn:xmpp:ping" })));
	await to.receive(`the question ${id}`, ({ attrs }) => attrs.id === id);
}

/** Plays every cell, both ways. */
async function play(): Promise<readonly { readonly cell: Cell; readonly out: Fate; readonly into: Fate }[]> {
	return await Promise.all(
		cells.map(async (cell) => {
			const bob = bobOf(cell);
			const [out, into] = await Promise.all([fate(alice, bob), fate(bob, alice)]);
			if (out === "arrives" && into !== "arrives") await ask(alice, bob);
			if (into === "arrives" && out !== "arrives") await ask(bob, alice);
			return { cell, out, into };
		}),
	);
}

const policies = (["Enforce", "Audit"] as const).flatMap((enforcement) =>
	(["Allow", "Deny"] as const).map((verdict): Played => ({ enforcement, default: verdict })),
);

describe.each(["Documented", "Live"] as const)("strategy %s", (strategy) => {
	beforeAll(async () => {
		const { kubectl } = stage;
		const { spec } = await liveFederation(kubectl, federation);
		if ((spec.rollout?.strategy ?? defaults.strategy) === strategy) return;
		const patch = { spec: { rollout: { strategy } } };
		await rollOut(kubectl, federation, () => kubectl.patch("xmppfederation", federation.name, namespace, patch));
	});

	test.each(policies)("$enforcement, default $default: every cell is as the law says", async (by) => {
		const { kubectl } = stage;
		const spec: FederationPolicySpec = {
			federationRef: { name: federation.name },
			...by,
			exceptions: cells.flatMap(({ exceptions }) => exceptions),
		};
		const before = await runningPods(kubectl, namespace, federation.name);
		const causes = await rollOut(kubectl, federation, async () => {
			const metadata = { name: "policy", namespace };
			await apply(kubectl, { apiVersion: "xmppfed.dev/v1alpha1", kind: "FederationPolicy", metadata, spec });
			await programmed(kubectl, "federationpolicy", { namespace, name: "policy" });
		});
		const after = await runningPods(kubectl, namespace, federation.name);
		const restarted = [...after.keys()].filter((node) => before.get(node) !== after.get(node));
		expect(causes).toMatchObject([
			{ reason: "PolicyChanged", scope: strategy === "Live" ? "None" : "Node", nodes: names },
		]);
		expect(restarted).toEqual(strategy === "Live" ? [] : names);

		const { rules } = compiled(spec);
		const expected = cells.map((cell) => ({ cell, ...lawful(by, cell) }));
		for (const { cell, ...law } of expected) {
			const decided = (way: Way) => by.enforcement === "Audit" || decide(rules, cell.domain, way).verdict === "Allow";
			expect([cell, decided("Outgoing"), decided("Incoming")]).toEqual([
				cell,
				law.out === "arrives",
				law.into === "arrives",
			]);
		}
		const found = await play();
		const fates = found.flatMap(({ out, into }) => [out, into]);
		const counts = ["arrives", "is refused", "has no stream"].map((one) => fates.filter((each) => each === one).length);
		rows.push(
			`| ${[strategy, by.enforcement, by.default, restarted.join(", ") || "none", fates.length, ...counts].join(" | ")} |`,
		);
		expect(found).toEqual(expected);
		expect(await wouldDeny()).toEqual(audited(by));
	});
});

test("without the policy everything passes, and what was refused, or must not be answered, has never arrived", async () => {
	const { kubectl } = stage;
	await rollOut(kubectl, federation, () => kubectl.delete("federationpolicy", "policy", namespace));
	const found = await play();
	expect(found.filter(({ out, into }) => out !== "arrives" || into !== "arrives")).toEqual([]);
	const has = (client: XmppClient, id: string) => client.received.some(({ attrs }) => attrs.id === id);
	console.log(`${refused.length} refused messages, ${unanswerable.length} questions without an answer`);
	expect(refused.length).toBeGreaterThan(0);
	expect(unanswerable.length).toBeGreaterThan(0);
	expect(refused.filter(({ id, to }) => has(to, id))).toEqual([]);
	expect(unanswerable.filter(({ id, from }) => has(from, id))).toEqual([]);
});

function compiled(spec: FederationPolicySpec) {
	const compilation = compilePolicy(spec, new Map());
	if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
	return compilation.policy;
}

/** Peers that Audit says it would have denied something, at whatever node, and in which direction. */
async function wouldDeny(): Promise<readonly string[]> {
	const statuses = await gatewayStatuses(stage.kubectl, namespace, federation.name, "federation");
	return statuses
		.flatMap(({ policy }) => policy?.wouldDeny ?? [])
		.flatMap(({ peer, incoming, outgoing }) => [
			...(incoming > 0 ? [`${peer} Incoming`] : []),
			...(outgoing > 0 ? [`${peer} Outgoing`] : []),
		])
		.toSorted();
}

/** What Audit is to list. */
function audited(by: Played): readonly string[] {
	if (by.enforcement === "Enforce") return [];
	return cells
		.flatMap((cell) => (["Incoming", "Outgoing"] as const).map((way) => ({ cell, way })))
		.filter(({ cell, way }) => !passes({ ...by, enforcement: "Enforce" }, cell, way))
		.map(({ cell, way }) => `${cell.domain} ${way}`)
		.toSorted();
}

const tableHead = [
	"| Strategy | Enforcement | Default | Pods restarted | Messages | Arrived | Refused | No stream |",
	"|---|---|---|---|---|---|---|---|",
];
