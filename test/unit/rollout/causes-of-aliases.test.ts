import { describe, expect, test } from "vitest";
import { causes } from "../../../src/rollout/causes.ts";
import { type Change, intentOf, node, rooms, running, runningLive, words } from "./causes-support.ts";

describe("of aliases", () => {
	const alias = (spec: object, name = "rooms") => ({ ...rooms, name, spec: { ...rooms.spec, ...spec } });
	const changed = (
		before: readonly (typeof rooms)[],
		after: readonly (typeof rooms)[],
		change: Change = () => {},
	): readonly string[] =>
		causes(intentOf(change, { aliases: after }), running(intentOf(() => {}, { aliases: before }))).map(words);

	test.each<[string, readonly string[], readonly string[]]>([
		["gone", changed([rooms], []), ["ChatNodeAlias from rooms.example.com Node: gw-1 gw-2 inside"]],
		[
			"moved",
			changed([rooms], [alias({ node: "gw-1" })]),
			["ChatNodeAlias rooms: spec.node from gw-2 to gw-1 Node: gw-1 gw-2"],
		],
		[
			"moved to a node with another upstream",
			changed([rooms], [alias({ node: "inside" })]),
			[
				"ChatNodeAlias rooms: upstream.host from xmpp.chat.svc.cluster.local to 10.0.3.7 Node: gw-1 gw-2 inside",
				"ChatNodeAlias rooms: spec.node from gw-2 to inside Node: gw-2 inside",
			],
		],
		[
			"with an upstream of its own",
			changed([rooms], [alias({ upstream: { host: "xmpp.chat.svc", port: 5300 } })]),
			["ChatNodeAlias rooms: upstream.port from 5269 to 5300 Node: gw-1 gw-2 inside"],
		],
		["exposed otherwise", changed([rooms], [alias({ exposure: "Direct", hostname: "c.example.com" })]), []],
		["of another resource", changed([rooms], [alias({}, "other")]), []],
	])("%s", (_what, told, expected) => {
		expect(told).toHaveLength(expected.length);
		expect(told).toEqual(expect.arrayContaining(expected.map((line) => `R17 AliasChanged ${line}`)));
	});

	test("that move are told the same while nodes restart for it, one after the other", () => {
		const now = intentOf(() => {}, { aliases: [alias({ node: "gw-1" })] });
		const before = running(intentOf(() => {}, { aliases: [rooms] }));
		const told = causes(now, before);
		// gw-2, where it was, has let it go.
		const halfway = [
			...before.filter(({ name }) => name !== "gw-2"),
			...running(now).filter(({ name }) => name === "gw-2"),
		];
		expect(causes(now, halfway, told)).toEqual(told.map((cause) => ({ ...cause, nodes: ["gw-1"] })));
		expect(told).toMatchObject([{ from: "gw-2", to: "gw-1" }]);
	});

	test("that a node of an earlier operator does not have live yet restart it, and are told by that alone", () => {
		const live: Change = (spec) => void (spec.rollout = { strategy: "Live" });
		const before = intentOf(live, { aliases: [rooms] });
		const nodes = before.nodes.map(({ liveAliases: _sign, ...others }) => others);
		expect(causes(intentOf(live, { aliases: [] }), running({ ...before, nodes })).map(words)).toEqual([
			"R17 AliasChanged ChatNodeAlias from rooms.example.com Node: gw-1 gw-2 inside",
		]);
	});

	test("are not told where the strategy alone changes", () => {
		const live: Change = (spec) => void (spec.rollout = { strategy: "Live" });
		const documented: Change = (spec) => void (spec.rollout = {});
		const aliases = { aliases: [rooms] };
		for (const [before, after] of [
			[live, documented],
			[documented, live],
		] as const) {
			const told = causes(intentOf(after, aliases), runningLive(intentOf(before, aliases)));
			expect(told.map(({ reason, field }) => `${reason} ${field}`)).toEqual(["RolloutChanged spec.rollout.strategy"]);
		}
	});

	test("are taken over by nodes that have them live", () => {
		const live: Change = (spec) => void (spec.rollout = { strategy: "Live" });
		expect(
			causes(intentOf(live, { aliases: [] }), runningLive(intentOf(live, { aliases: [rooms] }))).map(words),
		).toEqual(["R17 AliasChanged ChatNodeAlias from rooms.example.com None: gw-1 gw-2 inside"]);
	});

	test("follow the upstream of their node", () => {
		expect(changed([rooms], [rooms], (spec) => void (node(spec, 1).upstream = { host: "b.chat.svc" }))).toEqual([
			"R17 AliasChanged ChatNodeAlias rooms: upstream.host from xmpp.chat.svc.cluster.local to b.chat.svc.cluster.local Node: gw-1 gw-2 inside",
			"R17 UpstreamChanged spec.nodes[gw-2].upstream.host from xmpp.chat.svc.cluster.local to b.chat.svc.cluster.local Node: gw-2",
		]);
	});
});
