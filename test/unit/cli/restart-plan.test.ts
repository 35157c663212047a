import { expect, test } from "vitest";
import type { XmppFederation } from "../../../src/api/xmpp-federation.ts";
import type { RunningNode } from "../../../src/cli/applied-nodes.ts";
import { planText } from "../../../src/cli/plan-text.ts";
import { type PlanSituation, restartPlan, restartsAnything } from "../../../src/cli/restart-plan.ts";
import { plain } from "../../../src/cli/terminal.ts";
import { liveOf } from "../../../src/model/live.ts";
import { policyOf } from "../../../src/model/policy/compile.ts";
import { liveRevision, nodeRevision, revisionedIntent } from "../../../src/model/revision.ts";
import type { StoredFederation } from "../../../src/model/stored-federation.ts";
import { givenSecrets, modelled, now, sample } from "../fixtures/federation.ts";

type Change = (spec: XmppFederation["spec"]) => void;
const nothing: Change = () => {};

const running = (federation: StoredFederation, secrets: object = givenSecrets): RunningNode[] =>
	modelled(federation, secrets).intent.nodes.map((node) => ({
		name: node.name,
		federation: node.federation,
		revision: nodeRevision(node),
		applied: JSON.parse(JSON.stringify(revisionedIntent(node))) as unknown,
		...(node.strategy === "Live" && { live: liveRevision(node) ?? "", appliedLive: liveOf(node) }),
	}));

const strategyLive: Change = (spec) => void (spec.rollout = { ...spec.rollout, strategy: "Live" });

/** With the strategy Live before and after. */
function liveSituation(change: Change): PlanSituation {
	const before = sample("full", strategyLive);
	const proposed = sample("full", (spec) => {
		strategyLive(spec);
		change(spec);
	});
	return { ...situation(nothing), live: before, proposed, running: running(before) };
}

function situation(change: Change, more: Partial<PlanSituation> = {}): PlanSituation {
	const live = sample("full");
	return {
		live,
		proposed: { ...sample("full", change), metadata: { ...live.metadata, generation: 4 } },
		running: running(live),
		notReady: new Set(),
		earlier: [],
		current: new Set(),
		status: undefined,
		now,
		...more,
	};
}

const node = (spec: XmppFederation["spec"], index: number) => {
	const entry = spec.nodes[index];
	if (!entry) throw new Error(`the sample has no node ${index}`);
	return entry;
};
const annotated = (federation: StoredFederation, annotations: Record<string, string>): StoredFederation => ({
	...federation,
	metadata: { ...federation.metadata, annotations },
});

const partners = policyOf({
	default: "Deny",
	exceptions: new Map([["partner.example", { directions: new Set(["Incoming"] as const), source: "spec.exceptions" }]]),
});

const rooms = {
	name: "rooms",
	domain: "rooms.example.com",
	spec: { federationRef: { name: "example-full" }, alias: "rooms.example.com", node: "gw-1" },
};

/** File name, what is planned, whether anything restarts. */
const cases: readonly (readonly [string, () => PlanSituation, boolean])[] = [
	["nothing", () => situation(nothing), false],
	["upstream", () => situation((spec) => void (spec.upstream.port = 5300)), true],
	[
		"policy",
		() => situation(nothing, { policies: { live: undefined, proposed: { name: "partners", effective: partners } } }),
		true,
	],
	["alias", () => situation(nothing, { aliases: { live: [], proposed: [rooms] } }), true],
	[
		"alias-moved",
		() =>
			situation(nothing, {
				running: running(sample("full"), { ...givenSecrets, aliases: [rooms] }),
				aliases: { live: [rooms], proposed: [{ ...rooms, spec: { ...rooms.spec, node: "gw-2" } }] },
			}),
		true,
	],
	["toggle", () => situation((spec) => void (node(spec, 2).federation = "Enabled")), true],
	["remove", () => situation((spec) => void spec.nodes.splice(2, 1)), true],
	["add", () => situation((spec) => void spec.nodes.push({ name: "in-2" })), false],
	[
		"quiet",
		() =>
			situation((spec) => {
				spec.service = { ...spec.service, hostname: "chat.example.com" };
				spec.resolver = { enabled: false };
			}),
		false,
	],
	[
		"secret",
		() => situation((spec) => void (spec.security = { ...spec.security, certificate: { secretName: "x" } })),
		true,
	],
	["live", () => situation(strategyLive), true],
	[
		"live-secret",
		() => liveSituation((spec) => void (spec.security = { ...spec.security, certificate: { secretName: "x" } })),
		false,
	],
	["live-self-signed", () => liveSituation((spec) => void delete spec.security?.certificate), false],
	[
		"live-both",
		() =>
			liveSituation((spec) => {
				delete spec.security?.certificate;
				node(spec, 0).priorityClassName = "other";
			}),
		true,
	],
	[
		"self-signed",
		() => situation((spec) => void (spec.security = { dialback: { secretRef: { name: "example-com-dialback" } } })),
		true,
	],
	["new", () => ({ ...situation(nothing, { live: undefined, running: [] }), proposed: sample("smallest") }), false],
	[
		"outage",
		() =>
			situation((spec) =>
				spec.nodes.forEach((entry) => {
					delete entry.published;
					entry.federation = "Disabled";
				}),
			),
		true,
	],
	[
		"paused-restart",
		() => {
			const orders = { "xmppfed.dev/paused": "true", "xmppfed.dev/restart": "gw-2@2026-06-01T11:00:00Z" };
			return situation(nothing, { proposed: annotated(sample("full"), orders) });
		},
		true,
	],
	[
		// gw-1 has taken over another upstream already; the others are on their way, and the file asks for more.
		"under-way",
		() => {
			const before = sample("full");
			const live = sample("full", (spec) => void (spec.upstream.port = 5300));
			const through = running(live).filter(({ name }) => name === "gw-1");
			const others = running(before).filter(({ name }) => name !== "gw-1");
			const proposed = sample("full", (spec) => {
				spec.upstream.port = 5300;
				node(spec, 1).priorityClassName = "edge";
			});
			return situation(nothing, { live, proposed, running: [...through, ...others], notReady: new Set(["gw-2"]) });
		},
		true,
	],
];

test.each(cases)("%s", async (name, make, restarts) => {
	const plan = restartPlan(make());
	await expect(planText(plan, plain)).toMatchFileSnapshot(`golden/${name}.plan.txt`);
	expect(restartsAnything(plan)).toBe(restarts);
});

test("what operators of other settings made is compared with theirs", () => {
	const live = sample("smallest");
	const inputs = {
		defaults: { gatewayImage: "other:2", resolverImage: "other:3", clusterDomain: "k8s.example.org" },
	};
	const plan = restartPlan({
		...situation(nothing),
		live,
		proposed: live,
		running: running(live, inputs),
		status: { effective: { image: "other:2", imageFrom: "Operator" } },
	});
	expect(plan.steps).toEqual([]);
});

test("a node that restarts takes the newer image of the operator along, and the others keep theirs", () => {
	const withoutImage = (change: Change) => (spec: XmppFederation["spec"]) => {
		delete spec.image;
		change(spec);
	};
	const before = sample("full", withoutImage(nothing));
	const own = running(before).map((entry) => ({ ...entry, imageFrom: "Operator" }));
	const status = {
		effective: { image: "registry.example/gateway:1", imageFrom: "Operator", operatorImage: "newer:2" },
	};
	const planned = (change: Change) =>
		restartPlan({
			...situation(nothing, { status, running: own }),
			live: before,
			proposed: sample("full", withoutImage(change)),
		});
	expect(planned(nothing).steps).toEqual([]);
	const changed = planned((spec) => void (node(spec, 1).published = true));
	expect(changed.steps.map(({ node: name, reasons }) => `${name} ${reasons.join()}`)).toEqual([
		"gw-2 PublishedChanged,ImageChanged",
	]);
	const image = changed.causes.find(({ reason }) => reason === "ImageChanged");
	expect(image).toMatchObject({ from: "registry.example/gateway:1", to: "newer:2", nodes: ["gw-2"] });
});

test("a Secret that changed just now is due at the nodes that have not got it yet", () => {
	const live = sample("full");
	const changed = {
		...givenSecrets,
		dialback: { data: { secret: Buffer.from("another secret of users").toString("base64") } },
	};
	const [first, ...rest] = [running(live, changed), running(live)].map((nodes) => nodes);
	const nodes = (first ?? []).map((entry, index) => (index === 1 ? entry : (rest[0]?.[index] ?? entry)));
	const plan = restartPlan(situation(nothing, { running: nodes, current: new Set(["gw-2"]) }));
	expect(plan.causes).toMatchObject([{ reason: "DialbackSecretChanged", nodes: ["gw-1", "inside"], due: true }]);
});

test("a node that is not ready goes first", () => {
	const change: Change = (spec) => void (spec.upstream.port = 5300);
	const order = (notReady: readonly string[]) =>
		restartPlan(situation(change, { notReady: new Set(notReady) })).steps.map((step) => step.node);
	expect(order([])).toEqual(["gw-1", "gw-2"]);
	expect(order(["gw-2"])).toEqual(["gw-2", "gw-1"]);
});

test("a Secret that changed and that no node has got yet is due, as status tells", () => {
	const told = {
		rule: "R17",
		reason: "DialbackSecretChanged",
		field: "spec.security.dialback",
		scope: "Node",
		nodes: ["gw-1", "gw-2", "inside"],
	} as const;
	expect(restartPlan(situation(nothing, { earlier: [told] })).causes).toEqual([{ ...told, due: true }]);
});
