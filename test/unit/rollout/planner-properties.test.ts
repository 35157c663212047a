import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FederationIntent } from "../../../src/model/intent.ts";
import { liveRevision, nodeRevision } from "../../../src/model/revision.ts";
import { type Cause, causes } from "../../../src/rollout/causes.ts";
import { type ObservedNode, plan, type Step } from "../../../src/rollout/plan.ts";
import { type Progress, progress } from "../../../src/rollout/progress.ts";
import { scaled } from "../../lib/scale.ts";
import { chatNodeOf, type Settings, SimulatedCluster } from "./simulated-cluster.ts";

/** The planner against a cluster in which anything may happen at any time; it is asked anew after each event. */

const name = fc.constantFrom("a", "b", "c", "d");
const time = fc.constantFrom("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z");
const restart = fc.oneof(fc.record({ at: time }), fc.record({ at: time, node: name }));
const settings: fc.Arbitrary<Settings> = fc.record({
	nodes: fc.uniqueArray(
		fc.record({
			name,
			federation: fc.constantFrom("Enabled" as const, "Disabled" as const),
			port: fc.constantFrom(5269, 5270),
		}),
		{ selector: (node) => node.name, minLength: 1 },
	),
	drainSeconds: fc.constantFrom(30, 60),
	strategy: fc.constantFrom("Documented" as const, "Live" as const),
	chatNode: fc.option(fc.nat(3), { nil: undefined }),
	certificate: fc.constantFrom("one", "other"),
	orders: fc.tuple(fc.array(restart, { maxLength: 2 }), fc.nat(9), fc.nat(3)).map(([restarts, pause, outage]) => ({
		restarts,
		paused: pause === 0,
		outageAllowed: outage === 0,
	})),
});

type Happening =
	| { readonly kind: "Change"; readonly settings: Settings }
	| { readonly kind: "Advance" | "Break" | "Crowd" | "Drift" | "Silence"; readonly node: string };
const happening: fc.Arbitrary<Happening> = fc.oneof(
	{ weight: 3, arbitrary: settings.map((value): Happening => ({ kind: "Change", settings: value })) },
	{ weight: 12, arbitrary: name.map((node): Happening => ({ kind: "Advance", node })) },
	{ weight: 2, arbitrary: name.map((node): Happening => ({ kind: "Break", node })) },
	{ weight: 1, arbitrary: name.map((node): Happening => ({ kind: "Crowd", node })) },
	{ weight: 1, arbitrary: name.map((node): Happening => ({ kind: "Drift", node })) },
	{ weight: 1, arbitrary: name.map((node): Happening => ({ kind: "Silence", node })) },
);
const runs = { numRuns: scaled(80, 5_000) };

interface Round {
	readonly settings: Settings;
	readonly before: readonly ObservedNode[];
	/** Revision that each node should have. */
	readonly wanted: ReadonlyMap<string, string>;
	/** The Enabled nodes that each node was started with. */
	readonly knownEnabled: ReadonlyMap<string, readonly string[]>;
	/** Nodes that the planner had restarted before this round and that were not through. */
	readonly underWay: readonly string[];
	readonly restarted: readonly string[];
	/** Nodes that are given something while they run. */
	readonly taking: readonly string[];
	readonly causes: readonly Cause[];
}

/** One life of a federation: what happens, and what the planner does about it. */
class Life {
	readonly cluster = new SimulatedCluster();
	readonly rounds: Round[] = [];
	told: Progress = {};
	#settings: Settings;

	constructor(first: Settings) {
		this.#settings = first;
		this.#plan();
	}

	happen(event: Happening): void {
		if (event.kind === "Change") this.#settings = event.settings;
		else if (event.kind === "Advance") this.cluster.advance(event.node);
		else if (event.kind === "Break") this.cluster.break(event.node);
		else if (event.kind === "Crowd") this.cluster.crowd(event.node);
		else {
			const node = this.cluster.nodes.get(event.node);
			if (node && event.kind === "Drift") node.drifted = true;
			if (node && event.kind === "Silence") node.tells = !node.tells;
		}
		this.#plan();
	}

	/** Troubles and orders end, and the cluster comes to rest. @returns whether it did */
	settle(): boolean {
		this.#settings = { ...this.#settings, orders: { ...this.#settings.orders, paused: false, outageAllowed: true } };
		this.cluster.heal();
		for (let round = 0; round < 200 && !(round > 2 && this.#isAtRest()); round++) {
			for (const node of this.cluster.nodes.keys()) this.cluster.advance(node);
			this.#plan();
		}
		const intent = this.cluster.intent(this.#settings);
		const wanted = desiredOf(intent)
			.map((node) => `${node.name} ${node.revision} ${node.live}`)
			.toSorted();
		const found = this.cluster.observe(intent);
		const running = found.map((node) => `${node.name} ${node.revision} ${node.live}`).toSorted();
		return running.join() === wanted.join() && found.every((node) => node.ready && !node.moving && !node.drifted);
	}

	#isAtRest(): boolean {
		return (
			this.told.rollout === undefined &&
			[...this.cluster.nodes.values()].every(
				(node) =>
					!node.ours && !node.drifted && !node.crowded && !node.oldPod && !node.leaving && node.taken === node.live,
			)
		);
	}

	#plan(): void {
		const intent = this.cluster.intentForNow(this.#settings);
		const desired = desiredOf(intent);
		const before = this.cluster.observe(intent);
		const { steps } = plan(desired, before, intent.orders);
		const found = causes(intent, before, this.told.rollout?.causes);
		const nodesOf = (kinds: readonly Step["kind"][]) =>
			steps.filter(({ kind }) => kinds.includes(kind)).map(({ node }) => node);
		const [restarted, taking] = [nodesOf(["Restart", "Remove"]), nodesOf(["Apply"])];
		const underWay = [...this.cluster.nodes].filter(([, node]) => node.ours).map(([node]) => node);
		const knownEnabled = new Map([...this.cluster.nodes].map(([node, { intent: own }]) => [node, own.enabledNodes]));
		const wanted = new Map(desired.map((node) => [node.name, node.revision]));
		this.rounds.push({
			settings: this.#settings,
			before,
			wanted,
			knownEnabled,
			underWay,
			restarted,
			taking,
			causes: found,
		});
		this.told = progress(this.told, found, { steps, waiting: [] }, before, new Date(0));
		for (const step of steps) this.cluster.take(step, intent);
	}
}

function desiredOf({ nodes }: FederationIntent) {
	return nodes.map((node) => ({ ...node, revision: nodeRevision(node), live: liveRevision(node) }));
}

function live(first: Settings, events: readonly Happening[]): Life {
	const life = new Life(first);
	for (const event of events) life.happen(event);
	return life;
}
const lives = fc.tuple(settings, fc.array(happening, { maxLength: 60 }));

describe("the planner, whatever happens,", { timeout: scaled(60_000, 1_200_000) }, () => {
	test("takes no node that works while another one is away by its doing, and never two at once", () => {
		fc.assert(
			fc.property(lives, ([first, events]) => {
				for (const { restarted, before, underWay } of live(first, events).rounds) {
					expect(restarted.length).toBeLessThanOrEqual(1);
					const [taken] = restarted;
					if (taken === undefined || !before.find((node) => node.name === taken)?.ready) continue;
					const enabled = before.filter(({ federation }) => federation === "Enabled").map((node) => node.name);
					// A Disabled node that waits for an Enabled one at its intent cannot be waited for; links may be unknown. What
					// somebody changes by hand in a node that is on its way is put back at once.
					const others = before.filter((node) => node.name !== taken && underWay.includes(node.name));
					const away = others.filter((node) => node.moving || !node.ready);
					expect(away.filter((node) => node.ready || enabled.includes(node.name))).toEqual([]);
				}
			}),
			runs,
		);
	});

	test("restarts no node without a cause, and none that has no cause has to wait", () => {
		fc.assert(
			fc.property(lives, ([first, events]) => {
				for (const { restarted, taking, before, causes: found } of live(first, events).rounds) {
					const named = new Set(found.flatMap(({ nodes, scope }) => (scope === "None" ? [] : nodes)));
					expect(restarted.filter((node) => !named.has(node))).toEqual([]);
					// One that is being deleted gets what has changed when it is made again.
					const leaving = new Set(before.flatMap((node) => (node.leaving ? [node.name] : [])));
					const takeOver = found.flatMap(({ nodes, scope }) => (scope === "None" ? nodes : []));
					expect([...new Set(takeOver)].filter((node) => !leaving.has(node)).toSorted()).toEqual(taking.toSorted());
				}
			}),
			runs,
		);
	});

	test("restarts nothing while it is paused, and leaves no federation without an Enabled node unasked", () => {
		fc.assert(
			fc.property(lives, ([first, events]) => {
				const isEnabled = (node: { federation: string }) => node.federation === "Enabled";
				const held = live(first, events).rounds.filter(({ settings: { orders, nodes }, before }) => {
					const isOutage = before.some(isEnabled) && !nodes.some(isEnabled);
					return orders.paused || (isOutage && !orders.outageAllowed);
				});
				expect(held.flatMap(({ restarted }) => restarted)).toEqual([]);
			}),
			runs,
		);
	});

	test("takes no node that reaches the internal server while one at its intent does not, unasked", () => {
		fc.assert(
			fc.property(lives, ([first, events]) => {
				for (const { settings: asked, restarted, before, wanted } of live(first, events).rounds) {
					const isCutOff = ({ name: own, ready, upstream, revision, drifted }: ObservedNode) =>
						ready && upstream?.reachable === false && revision === wanted.get(own) && !drifted;
					if (asked.orders.outageAllowed || !before.some(isCutOff)) continue;
					const reaching = before.filter(({ ready, upstream }) => ready && upstream?.reachable);
					expect(reaching.filter((node) => restarted.includes(node.name))).toEqual([]);
				}
			}),
			runs,
		);
	});

	test("restarts a node that an alias leaves after the one that it comes to", () => {
		fc.assert(
			fc.property(settings, fc.nat(3), fc.nat(3), (asked, from, to) => {
				const first = {
					...asked,
					strategy: "Documented" as const,
					chatNode: from,
					orders: { restarts: [], paused: false, outageAllowed: true },
				};
				const life = new Life(first);
				life.settle();
				const mark = life.rounds.length;
				const second = { ...first, drainSeconds: 45, chatNode: to };
				life.happen({ kind: "Change", settings: second });
				expect(life.settle()).toBe(true);
				const order = life.rounds.slice(mark).flatMap(({ restarted }) => restarted);
				expect(order.toSorted()).toEqual(asked.nodes.map((node) => node.name).toSorted());
				const [left, come] = [chatNodeOf(first), chatNodeOf(second)].map((node) => order.indexOf(node ?? ""));
				expect(come).toBeLessThanOrEqual(left ?? -1);
			}),
			runs,
		);
	});

	test("never leaves an alias that moves while nodes run without a node that serves it", () => {
		const moves = fc.array(
			fc.oneof(
				fc.nat(3).map((chatNode) => ({ chatNode })),
				name.map((node) => ({ node })),
			),
			{ maxLength: 30 },
		);
		fc.assert(
			fc.property(settings, fc.nat(3), moves, (asked, at, order) => {
				const orders = { restarts: [], paused: false, outageAllowed: true };
				let now = { ...asked, strategy: "Live" as const, chatNode: at, orders };
				const life = new Life(now);
				expect(life.settle()).toBe(true);
				const mark = life.rounds.length;
				for (const step of order) {
					if ("node" in step) life.happen({ kind: "Advance", node: step.node });
					else life.happen({ kind: "Change", settings: (now = { ...now, chatNode: step.chatNode }) });
					expect(life.cluster.serving()).not.toEqual([]);
				}
				expect(life.settle()).toBe(true);
				expect(life.cluster.serving()).toEqual([chatNodeOf(now)]);
				expect(life.rounds.slice(mark).flatMap(({ restarted }) => restarted)).toEqual([]);
			}),
			runs,
		);
	});

	test("has causes of scope AllNodes exactly when the set of Enabled nodes changed or all were asked for", () => {
		fc.assert(
			fc.property(lives, ([first, events]) => {
				for (const { settings: asked, before, knownEnabled, causes: found } of live(first, events).rounds) {
					if (before.length === 0) continue;
					const wanted = asked.nodes.filter((node) => node.federation === "Enabled").map((node) => node.name);
					const knowsOther = [...knownEnabled].some(
						([own, enabled]) =>
							asked.nodes.some((node) => node.name === own) && enabled.join() !== wanted.toSorted().join(),
					);
					const goes = before.some(
						(node) => node.federation === "Enabled" && !asked.nodes.some((other) => other.name === node.name),
					);
					const comes = wanted.some((node) => !before.some((other) => other.name === node));
					const ofAll = found.filter(({ scope }) => scope === "AllNodes");
					expect(ofAll.some(({ rule }) => rule === "R16")).toBe(knowsOther || goes || comes);
					const requested = ofAll.filter(({ rule }) => rule !== "R16");
					expect(requested.every(({ reason }) => reason === "Requested")).toBe(true);
					expect(requested.length > 0 && asked.orders.restarts.every(({ node }) => node !== undefined)).toBe(false);
				}
			}),
			runs,
		);
	});

	test("comes to its end when the cluster does, with every node as it should be, and tells so", () => {
		fc.assert(
			fc.property(lives, ([first, events]) => {
				const life = live(first, events);
				expect(life.settle()).toBe(true);
				expect(life.told.rollout).toBeUndefined();
			}),
			runs,
		);
	});

	test("restarts no node twice for one and the same intent", () => {
		fc.assert(
			fc.property(settings, settings, fc.array(name, { maxLength: 60 }), (first, second, order) => {
				const life = new Life(first);
				life.settle();
				const mark = life.rounds.length;
				life.happen({ kind: "Change", settings: second });
				for (const node of order) life.happen({ kind: "Advance", node });
				life.settle();
				const restarted = life.rounds.slice(mark).flatMap((round) => round.restarted);
				expect(restarted.toSorted()).toEqual([...new Set(restarted)].toSorted());
			}),
			runs,
		);
	});

	test("restarts nothing for what nodes take over while they run, which all get at once, also while it is paused", () => {
		fc.assert(
			fc.property(settings, fc.boolean(), (first, paused) => {
				const before = { ...first, strategy: "Live" as const, certificate: "one" };
				const life = new Life(before);
				life.settle();
				const mark = life.rounds.length;
				const nodes = [...life.cluster.nodes.keys()].toSorted();
				life.happen({
					kind: "Change",
					settings: { ...before, orders: { restarts: [], paused, outageAllowed: false }, certificate: "other" },
				});
				const after = life.rounds.slice(mark);
				expect(after.map(({ taking }) => taking)).toEqual([nodes]);
				expect(after[0]?.causes.map(({ reason, scope }) => `${reason} ${scope}`)).toEqual(["CertificateChanged None"]);
				expect(life.settle()).toBe(true);
				expect(life.rounds.slice(mark).flatMap(({ restarted }) => restarted)).toEqual([]);
			}),
			runs,
		);
	});

	test("restarts by the rest where a change is of both kinds", () => {
		fc.assert(
			fc.property(settings, (first) => {
				const before = { ...first, strategy: "Live" as const, certificate: "one", drainSeconds: 30 };
				const life = new Life(before);
				life.settle();
				const mark = life.rounds.length;
				const orders = { restarts: [], paused: false, outageAllowed: false };
				life.happen({ kind: "Change", settings: { ...before, orders, certificate: "other", drainSeconds: 60 } });
				expect(life.settle()).toBe(true);
				const rounds = life.rounds.slice(mark);
				const nodes = [...life.cluster.nodes.keys()].toSorted();
				expect(rounds.flatMap(({ restarted }) => restarted).toSorted()).toEqual(nodes);
				const told = rounds.flatMap(({ causes: found }) => found.map(({ reason, scope }) => `${reason} ${scope}`));
				expect([...new Set(told)].toSorted()).toEqual(["CertificateChanged None", "RolloutChanged Node"]);
			}),
			runs,
		);
	});

	test("goes on where another process was: the same situation gives the same plan, in whatever order it is seen", () => {
		fc.assert(
			fc.property(lives, fc.nat(23), ([first, events], shift) => {
				const { cluster } = live(first, events);
				const intent = cluster.intentForNow(first);
				const desired = desiredOf(intent);
				const seen = cluster.observe(intent);
				const turned = [...seen.slice(shift % (seen.length + 1)), ...seen.slice(0, shift % (seen.length + 1))];
				expect(plan(desired, turned.toReversed(), intent.orders)).toEqual(plan(desired, seen, intent.orders));
			}),
			runs,
		);
	});
});
