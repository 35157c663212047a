import { describe, expect, test } from "vitest";
import { xmppFederationStatus } from "../../../src/api/xmpp-federation-status.ts";
import type { Cause } from "../../../src/rollout/causes.ts";
import type { ObservedNode, Plan } from "../../../src/rollout/plan.ts";
import { type Progress, progress } from "../../../src/rollout/progress.ts";

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 12, minute));
const cause = (to: string, ...nodes: string[]): Cause => ({
	rule: "R17",
	reason: "UpstreamChanged",
	field: "spec.upstream.port",
	to,
	scope: "Node",
	nodes,
});
const nodes = (...moving: string[]): ObservedNode[] =>
	["a", "b"].map((name) => ({ name, federation: "Enabled", revision: "", ready: true, moving: moving.includes(name) }));
const take = (...names: string[]): Plan => ({ steps: names.map((node) => ({ kind: "Restart", node })), waiting: [] });
const words = ({ rollout, finishedRollouts = [] }: Progress) => ({
	...(rollout && {
		now: `${rollout.done}/${rollout.total} since ${rollout.startedAt.slice(14, 16)}: ${rollout.causes.map(({ to, nodes: names }) => `${to} ${names.join("+")}`).join(", ")}`,
	}),
	over: finishedRollouts.map(
		({ total, startedAt, finishedAt, causes }) =>
			`${total} ${startedAt.slice(14, 16)}-${finishedAt.slice(14, 16)}: ${causes.map(({ to }) => to).join(", ")}`,
	),
});

describe("a roll-out", () => {
	test("is told from its first cause to the end of its last node, with its causes", () => {
		let told: Progress = {};
		const say = (outstanding: Cause[], plan: Plan, observed: ObservedNode[], minute: number) => {
			told = progress(told, outstanding, plan, observed, at(minute));
			return words(told);
		};
		expect(say([], take(), nodes(), 0)).toEqual({ over: [] });
		expect(say([cause("1", "a", "b")], take("a"), nodes(), 1)).toEqual({ now: "0/2 since 01: 1 a+b", over: [] });
		expect(say([cause("1", "b")], take(), nodes("a"), 2)).toEqual({ now: "0/2 since 01: 1 a+b", over: [] });
		expect(say([cause("1", "b")], take("b"), nodes(), 3)).toEqual({ now: "1/2 since 01: 1 a+b", over: [] });
		expect(say([], take(), nodes("b"), 4)).toEqual({ now: "1/2 since 01: 1 a+b", over: [] });
		expect(say([], take(), nodes(), 5)).toEqual({ over: ["2 01-05: 1"] });
		// Nothing differs at a later look.
		expect(progress(told, [], take(), nodes(), at(6))).toEqual(told);
	});

	test("that is changed in the middle tells what each node restarts for", () => {
		const half = progress(
			progress({}, [cause("1", "a", "b")], take("a"), nodes(), at(1)),
			[cause("1", "b")],
			take(),
			nodes("a"),
			at(2),
		);
		const changed = progress(half, [cause("2", "a", "b")], take(), nodes("a"), at(3));
		expect(words(changed)).toEqual({ now: "0/2 since 01: 2 a+b", over: [] });
		const back = progress(half, [cause("0", "a")], take(), nodes("a"), at(3));
		expect(words(back)).toEqual({ now: "0/1 since 01: 0 a", over: [] });
		expect(
			words(progress(progress(back, [cause("0", "a")], take("a"), nodes(), at(4)), [], take(), nodes(), at(5))),
		).toEqual({
			over: ["1 01-05: 0"],
		});
	});

	test("that is taken back before a node was touched leaves no trace", () => {
		const waiting = progress({}, [cause("1", "a")], take(), nodes(), at(1));
		expect(words(waiting)).toEqual({ now: "0/1 since 01: 1 a", over: [] });
		expect(progress(waiting, [], take(), nodes(), at(2))).toEqual({});
	});

	test("ends without a node that is gone", () => {
		const removed = progress({}, [cause("1", "a")], take("a"), nodes(), at(1));
		expect(words(progress(removed, [], take(), [], at(2)))).toEqual({ over: ["1 01-02: 1"] });
	});

	test("the last five are kept, newest first, and everything fits the API", () => {
		let told: Progress = {};
		const many = Array.from({ length: 40 }, (_, index) =>
			cause(String(index), ...Array.from({ length: 70 }, (_none, node) => `n-${node}`)),
		);
		for (let minute = 0; minute < 14; minute += 2) {
			told = progress(told, many, take("a"), nodes(), at(minute));
			expect(xmppFederationStatus.parse(told)).toEqual(told);
			told = progress(told, [cause(String(minute), "a")], take("a"), nodes(), at(minute));
			told = progress(told, [], take(), nodes(), at(minute + 1));
		}
		expect(told.finishedRollouts?.map(({ finishedAt }) => finishedAt.slice(14, 16))).toEqual([
			"13",
			"11",
			"09",
			"07",
			"05",
		]);
		expect(xmppFederationStatus.parse(told)).toEqual(told);
	});
});
