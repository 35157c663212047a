import { describe, expect, test } from "vitest";
import {
	type AcceptedDialback,
	type DialbackNode,
	type DialbackSecret,
	dialbackSecret,
	keysInFlight,
	nextDialbackStep,
	silencePatience,
} from "../../../src/model/dialback-rotation.ts";
import { base64 } from "../fixtures/federation.ts";

const key = base64("k".repeat(32));
const secret = (text: string) => dialbackSecret(key, base64(text));
const [a, b, c] = [secret("the first"), secret("the second"), secret("the third")];
const start = new Date("2026-06-01T12:00:00Z");
const after = (milliseconds: number) => new Date(start.getTime() + milliseconds);
const ids = (secrets: readonly DialbackSecret[] = []) => secrets.map(({ id }) => id).toSorted();

const accepted = (
	secrets: readonly DialbackSecret[],
	signing: DialbackSecret,
	more: Partial<AcceptedDialback> = {},
) => ({
	secrets,
	signing: signing.id,
	since: start,
	retiringSince: undefined,
	...more,
});
const saying = (...secrets: readonly DialbackSecret[]): DialbackNode => ({ name: "gw-1", accepts: ids(secrets) });
const silent: DialbackNode = { name: "gw-2", accepts: undefined };

describe("the next step", () => {
	test("of a new federation is to accept what it signs with", () => {
		const step = nextDialbackStep({ wanted: a, accepted: undefined, inUse: [], nodes: [] }, start);
		expect(step).toEqual({ publish: accepted([a], a), signing: a, waitsFor: [] });
	});

	test("of one that has the wanted secret is none", () => {
		const situation = { wanted: a, accepted: accepted([a], a), inUse: [a, a], nodes: [saying(a), silent] };
		expect(nextDialbackStep(situation, after(1e9))).toEqual({ signing: a, waitsFor: [] });
	});

	test("with another secret is to accept both, and to sign with the one before", () => {
		const situation = { wanted: b, accepted: accepted([a], a), inUse: [a], nodes: [saying(a)] };
		const { publish, signing, waitsFor } = nextDialbackStep(situation, start);
		expect(ids(publish?.secrets)).toEqual(ids([a, b]));
		expect({ signing, published: publish?.signing, waitsFor }).toEqual({
			signing: a,
			published: a.id,
			waitsFor: ["gw-1"],
		});
	});

	test.each<[string, readonly DialbackNode[], number, readonly string[]]>([
		["a node does not accept it", [saying(a), { name: "gw-2", accepts: ids([a, b]) }], 1e9, ["gw-1"]],
		["a node says nothing yet", [saying(a, b), silent], silencePatience - 1, ["gw-2"]],
		["a node has said nothing for too long", [saying(a, b), silent], silencePatience, []],
		["all accept it", [saying(a, b)], 0, []],
		["nothing runs", [], 0, []],
	])("while %s is held back or not", (_what, nodes, passed, waitsFor) => {
		const situation = { wanted: b, accepted: accepted([a, b], a), inUse: [a], nodes };
		const step = nextDialbackStep(situation, after(passed));
		expect(step.waitsFor).toEqual(waitsFor);
		expect(step.signing).toEqual(waitsFor.length > 0 ? a : b);
		expect(step.publish?.signing).toBe(waitsFor.length > 0 ? undefined : b.id);
		expect(step.again).toEqual(passed < silencePatience && waitsFor.length > 0 ? after(silencePatience) : undefined);
	});

	test("when the last node signs with it is to let keys of the old one run out, then to drop it", () => {
		const nodes = [saying(a, b)];
		const half = { wanted: b, accepted: accepted([a, b], b), inUse: [a, b], nodes };
		expect(nextDialbackStep(half, after(1e9))).toEqual({ signing: b, waitsFor: [] });
		const all = { ...half, inUse: [b, b] };
		const noted = nextDialbackStep(all, after(1000)).publish;
		expect(noted).toEqual(accepted([a, b], b, { retiringSince: after(1000) }));
		const retiring = { ...all, accepted: noted };
		expect(nextDialbackStep(retiring, after(1000 + keysInFlight - 1))).toEqual({
			signing: b,
			waitsFor: [],
			again: after(1000 + keysInFlight),
		});
		expect(nextDialbackStep(retiring, after(1000 + keysInFlight)).publish?.secrets).toEqual([b]);
	});

	test("with a third one on the way accepts all three, and signs with what it did", () => {
		const retiring = accepted([a, b], b, { retiringSince: start });
		const { publish, signing } = nextDialbackStep(
			{ wanted: c, accepted: retiring, inUse: [b], nodes: [saying(a, b)] },
			after(1),
		);
		expect(ids(publish?.secrets)).toEqual(ids([a, b, c]));
		expect({ signing, retiring: publish?.retiringSince }).toEqual({ signing: b, retiring: undefined });
	});

	test("back to the first one, before any node signs with the other, drops the other", () => {
		const situation = { wanted: a, accepted: accepted([a, b], a), inUse: [a], nodes: [saying(a, b)] };
		expect(nextDialbackStep(situation, start).publish).toEqual(accepted([a, b], a, { retiringSince: start }));
	});

	test.each<[string, readonly DialbackSecret[], DialbackSecret]>([
		["before any node signs with the new one", [a, a], a],
		["when a node does already", [a, b], b],
	])("of a Secret that was lost %s goes on there", (_what, inUse, signing) => {
		const step = nextDialbackStep({ wanted: b, accepted: undefined, inUse, nodes: [saying(a)] }, start);
		expect(ids(step.publish?.secrets)).toEqual(ids([a, b]));
		expect(step.signing).toEqual(signing);
	});
});

/** Plays the whole of it: what nodes accept and sign with comes to them late and one by one, in any order. */
test("whoever asks whichever node is answered rightly at every moment, from any step, whatever is wanted next", () => {
	const all = [a, b, c];
	// A linear congruential generator: the same plays each time.
	let state = 1;
	const random = (below: number) => {
		state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
		return Math.floor((state / 2 ** 31) * below);
	};
	const refused: string[] = [];
	const left: string[][] = [];
	const ends: string[][] = [];
	for (let play = 0; play < 300; play++) {
		let now = start;
		let wanted = a;
		let published: AcceptedDialback | undefined;
		let signing = a;
		const nodes = Array.from({ length: 1 + random(3) }, (_, index) => ({
			name: `gw-${index}`,
			accepts: [a.id],
			signs: a,
		}));
		for (let moment = 0; moment < 60; moment++) {
			now = new Date(now.getTime() + random(120_000));
			if (moment < 40 && random(12) === 0) wanted = all[random(3)] ?? a;
			// The Secret is lost now and then, and an operator is killed between any two steps.
			if (moment < 40 && random(40) === 0) published = undefined;
			const inUse = nodes.map(({ signs }) => signs);
			const step = nextDialbackStep({ wanted, accepted: published, inUse, nodes }, now);
			published = step.publish ?? published;
			signing = step.signing;
			const node = nodes[random(nodes.length)];
			if (node && random(2) === 0) node.accepts = ids(published?.secrets);
			else if (node) node.signs = signing;
			const unanswered = nodes.some(({ signs }) =>
				nodes.some((asked) => asked.signs.id !== signs.id && !asked.accepts.includes(signs.id)),
			);
			if (unanswered) refused.push(`play ${play}, moment ${moment}`);
		}
		for (let moment = 0; moment < 200; moment++) {
			now = new Date(now.getTime() + 60_000);
			const step = nextDialbackStep(
				{ wanted, accepted: published, inUse: nodes.map(({ signs }) => signs), nodes },
				now,
			);
			published = step.publish ?? published;
			for (const node of nodes) [node.accepts, node.signs] = [ids(published?.secrets), step.signing];
		}
		left.push([`play ${play}`, ...ids(published?.secrets)]);
		ends.push([`play ${play}`, wanted.id]);
	}
	expect(refused).toEqual([]);
	expect(left).toEqual(ends);
});
