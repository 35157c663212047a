import { describe, expect, test } from "vitest";
import { type Cause, causes, describeCause, valueLimit } from "../../../src/rollout/causes.ts";
import { base64, givenSecrets, modelled, sample } from "../fixtures/federation.ts";
import {
	type Change,
	certificateOfOthers,
	found,
	intentOf,
	node,
	running,
	runningLive,
	words,
} from "./causes-support.ts";

describe("causes", () => {
	test("a new federation has none", () => {
		expect(causes(intentOf(), [])).toEqual([]);
	});
	test("what an operator of another form recorded is told as that, beside what can be compared", () => {
		const older = intentOf().nodes.map((entry) => {
			const { enabledNodes: _none, ...record } = entry;
			return { ...entry, revision: "older", applied: { ...record, retired: 1 } };
		});
		const changed = causes(
			intentOf((spec) => void (spec.upstream.port = 5300)),
			older,
		);
		expect(changed.map(words).toSorted()).toEqual([
			"R15 OperatorChanged list of Enabled nodes Node: gw-1 gw-2 inside",
			"R15 OperatorChanged retired of node gw-1 Node: gw-1",
			"R15 OperatorChanged retired of node gw-2 Node: gw-2",
			"R15 OperatorChanged retired of node inside Node: inside",
			"R17 UpstreamChanged spec.upstream.port from 5269 to 5300 Node: gw-1 gw-2",
		]);
	});
	test.each([[undefined], ["text"], [{}], [[]]])("a node with the record %j has a cause all the same", (applied) => {
		const nodes = running(intentOf()).map((entry) => ({ ...entry, revision: "older", applied }));
		const told = new Set(causes(intentOf(), nodes).flatMap(({ nodes: names }) => names));
		expect([...told]).toEqual(["gw-1", "gw-2", "inside"]);
	});
	test("a node whose record says the same and whose revision is another has a cause all the same", () => {
		const nodes = running(intentOf()).map((entry) => ({ ...entry, revision: "older" }));
		expect(causes(intentOf(), nodes).map(({ reason }) => reason)).toEqual(Array(3).fill("OperatorChanged"));
	});
	test("a node that was enabled stays one that was enabled after its own restart", () => {
		const enable: Change = (spec) => void (node(spec, 2).federation = "Enabled");
		const earlier = causes(intentOf(enable), running(intentOf()));
		const half = running(intentOf()).map((entry) =>
			entry.name === "inside" ? (running(intentOf(enable))[2] ?? entry) : entry,
		);
		expect(causes(intentOf(enable), half, earlier).map(words)).toEqual([
			"R16 FederationToggled spec.nodes[inside].federation from Disabled to Enabled AllNodes: gw-1 gw-2",
		]);
	});
	describe("a restart that is asked for", () => {
		const time = "2026-06-01T11:00:00.000Z";
		const asked = (restart: string, carriedOut: Record<string, string> = {}) => {
			const federation = { ...sample("full") };
			const annotations = { "xmppfed.dev/restart": restart };
			const { intent } = modelled(
				{ ...federation, metadata: { ...federation.metadata, annotations } },
				{ ...givenSecrets, carriedOutRestarts: new Map(Object.entries(carriedOut)) },
			);
			return causes(intent, running(intentOf(undefined, { carriedOutRestarts: new Map(Object.entries(carriedOut)) })));
		};
		const field = "metadata.annotations[xmppfed.dev/restart]";
		test.each<[string, string, Record<string, string>, string[]]>([
			["of all nodes", time, {}, [`R15 Requested ${field} to ${time} AllNodes: gw-1 gw-2 inside`]],
			["of one", `gw-2@${time}`, {}, [`R15 Requested ${field} to ${time} Node: gw-2`]],
			[
				"of one, with an offset",
				"gw-2@2026-06-01T13:00:00+02:00",
				{},
				[`R15 Requested ${field} to ${time} Node: gw-2`],
			],
			["that was carried out", time, { "gw-1": time, "gw-2": time, inside: time }, []],
			[
				"again, at a later time",
				time,
				{ "gw-1": "2026-05-01T11:00:00.000Z" },
				[`R15 Requested ${field} to ${time} AllNodes: gw-1 gw-2 inside`],
			],
			["at an earlier time than what was carried out", `gw-1@${time}`, { "gw-1": "2026-06-01T11:30:00.000Z" }, []],
			[
				"of one, while another has not had its turn",
				`gw-1@${time},gw-2@2026-06-01T11:30:00Z`,
				{ "gw-2": time },
				[
					`R15 Requested ${field} to ${time} Node: gw-1`,
					`R15 Requested ${field} to 2026-06-01T11:30:00.000Z Node: gw-2`,
				],
			],
			["of another node than before", `gw-2@${time}`, { "gw-1": time, "gw-2": time }, []],
		])("%s", (_what, restart, carriedOut, expected) => {
			expect(asked(restart, carriedOut).map(words)).toEqual(expected);
		});
		test("and taken back restarts nothing", () => {
			const { intent } = modelled(sample("full"), { ...givenSecrets, carriedOutRestarts: new Map([["gw-1", time]]) });
			expect(causes(intent, running(intentOf(undefined, { carriedOutRestarts: new Map([["gw-1", time]]) })))).toEqual(
				[],
			);
		});
	});
	test("what somebody changed by hand", () => {
		const nodes = running(intentOf()).map((entry) => ({ ...entry, drifted: entry.name === "gw-2" }));
		expect(causes(intentOf(), nodes).map(words)).toEqual(["R15 Drifted Deployment of node gw-2 Node: gw-2"]);
	});
	test("values are bounded, and secrets are not shown", () => {
		const long = intentOf((spec) => void (node(spec, 0).nodeSelector = { key: "x".repeat(1000) }));
		const [cause] = causes(long, running(intentOf()));
		expect(cause?.to).toHaveLength(valueLimit);
		const secret = found(undefined, { dialback: { data: { secret: base64("another dialback secret") } } }).join();
		for (const { secrets } of intentOf().nodes) expect(secret).not.toContain(secrets.dialback);
	});
	test.each<[Partial<Cause>, string]>([
		[{ from: "a", to: "b" }, "spec.upstream.host changed from a to b"],
		[{ to: "b" }, "spec.upstream.host was set to b"],
		[{ from: "a" }, "spec.upstream.host was removed (it was a)"],
		[{}, "spec.upstream.host: The address of the internal server, as the node reaches it, changed"],
	])("in words: %j", (values, expected) => {
		const cause: Cause = {
			rule: "R17",
			reason: "UpstreamChanged",
			field: "spec.upstream.host",
			scope: "Node",
			nodes: ["gw-1"],
			...values,
		};
		expect(describeCause(cause)).toBe(expected);
	});
});

describe("with the strategy Live", () => {
	const live: Change = (spec) => void (spec.rollout = { ...spec.rollout, strategy: "Live" });
	const other = { certificate: certificateOfOthers() };

	test("a new certificate restarts nothing", () => {
		expect(causes(intentOf(live, other), runningLive(intentOf(live))).map(words)).toEqual([
			"R17 CertificateChanged spec.security.certificate None: gw-1 gw-2 inside",
		]);
	});

	test("a change of both kinds is told as two", () => {
		const both: Change = (spec) => {
			live(spec);
			spec.upstream.port = 5300;
		};
		expect(causes(intentOf(both, other), runningLive(intentOf(live))).map(words)).toEqual([
			"R17 UpstreamChanged spec.upstream.port from 5269 to 5300 Node: gw-1 gw-2",
			"R17 CertificateChanged spec.security.certificate None: gw-1 gw-2 inside",
		]);
	});

	test("going back to Documented is told by itself, whatever has changed besides of what was taken over", () => {
		expect(
			causes(
				intentOf(() => {}, other),
				runningLive(intentOf(live)),
			).map(words),
		).toEqual(["R17 RolloutChanged spec.rollout.strategy from Live to Documented Node: gw-1 gw-2 inside"]);
	});

	test("live objects whose record is gone are no cause", () => {
		const forgotten = runningLive(intentOf(live)).map((entry) => ({ ...entry, appliedLive: undefined }));
		expect(causes(intentOf(live, other), forgotten)).toEqual([]);
	});
});
