import { describe, expect, test } from "vitest";
import { requestedAt, rolloutOrders } from "../../../src/model/rollout-orders.ts";
import { now, sample } from "../fixtures/federation.ts";

const read = (annotations: Record<string, string>) => {
	const federation = sample("full");
	const metadata = { ...federation.metadata, annotations, generation: 7 };
	const { orders, problems } = rolloutOrders({ ...federation, metadata }, now);
	return { orders, problems: problems.map(({ reason, field, message }) => `${reason} ${field}: ${message}`) };
};
const nothing = { restarts: [], paused: false, outageAllowed: false };

test("without annotations nothing is asked for", () => {
	expect(read({ "xmppfed.dev/other": "x" })).toEqual({ orders: nothing, problems: [] });
});

describe.each<[string, object]>([
	["2026-06-01T11:00:00Z", { at: "2026-06-01T11:00:00.000Z" }],
	["2026-06-01T13:00:00.5+02:00", { at: "2026-06-01T11:00:00.500Z" }],
	["gw-1@2026-06-01t11:00:00z", { at: "2026-06-01T11:00:00.000Z", node: "gw-1" }],
	// The clock of whoever asks may be ahead.
	["2026-06-01T12:04:00Z", { at: "2026-06-01T12:04:00.000Z" }],
])("restart: %s", (text, restart) => {
	test("is read", () => {
		expect(read({ "xmppfed.dev/restart": text })).toEqual({
			orders: { ...nothing, restarts: [restart] },
			problems: [],
		});
	});
});

describe.each([
	["", "is neither a time nor NODE@TIME"],
	["true", "is neither a time nor NODE@TIME"],
	["now", "is neither a time nor NODE@TIME"],
	["2026-06-01", "is neither a time nor NODE@TIME"],
	["2026-06-01T11:00:00", "is neither a time nor NODE@TIME"],
	["2026-13-01T11:00:00Z", "is neither a time nor NODE@TIME"],
	["1748775600", "is neither a time nor NODE@TIME"],
	["gw-1", "is neither a time nor NODE@TIME"],
	["gw-1@", "is neither a time nor NODE@TIME"],
	["gw-9@2026-06-01T11:00:00Z", 'there is no node "gw-9" in spec.nodes'],
	["@2026-06-01T11:00:00Z", 'there is no node "" in spec.nodes'],
	["gw-1@gw-2@2026-06-01T11:00:00Z", 'there is no node "gw-1@gw-2" in spec.nodes'],
	["2026-06-01T12:06:00Z", "is in the future"],
	["9999-06-01T12:06:00Z", "is in the future"],
	["x".repeat(10_000), "is neither a time nor NODE@TIME"],
])("restart: %s", (text, says) => {
	test("restarts nothing and says why", () => {
		const { orders, problems } = read({ "xmppfed.dev/restart": text });
		expect(orders).toEqual(nothing);
		expect(problems).toEqual([expect.stringContaining(says)]);
		expect(problems[0]).toContain("InvalidAnnotation metadata.annotations[xmppfed.dev/restart]: ");
		expect(problems[0]?.length).toBeLessThan(500);
	});
});

test("restart: several hold together; what is wrong with one takes nothing from the others", () => {
	const { orders, problems } = read({
		"xmppfed.dev/restart": "gw-1@2026-06-01T11:00:00Z, gw-9@2026-06-01T11:10:00Z,soon,2026-06-01T10:00:00Z",
	});
	expect(orders.restarts).toEqual([
		{ node: "gw-1", at: "2026-06-01T11:00:00.000Z" },
		{ at: "2026-06-01T10:00:00.000Z" },
	]);
	expect(problems).toEqual([
		expect.stringMatching(/there is no node "gw-9" in spec\.nodes.*If the node was removed, take it out/),
		expect.stringContaining('"soon" is neither a time nor NODE@TIME'),
	]);
	expect(["gw-1", "gw-2"].map((node) => requestedAt(node, orders, undefined))).toEqual([
		"2026-06-01T11:00:00.000Z",
		"2026-06-01T10:00:00.000Z",
	]);
	expect(requestedAt("gw-1", orders, "2026-06-01T11:30:00.000Z")).toBe("2026-06-01T11:30:00.000Z");
});

test("restart: more entries than anybody has nodes for are refused as a whole", () => {
	const { orders, problems } = read({ "xmppfed.dev/restart": Array(65).fill("gw-1@2026-06-01T11:00:00Z").join() });
	expect(orders).toEqual(nothing);
	expect(problems).toEqual([expect.stringContaining("has 65 entries, 64 are the most")]);
});

test.each([
	["true", true, 0],
	["false", false, 0],
	// What cannot be read may have been meant as a pause.
	["yes", true, 1],
	["", true, 1],
])("paused: %j", (text, paused, problems) => {
	const found = read({ "xmppfed.dev/paused": text });
	expect(found.orders).toEqual({ ...nothing, paused });
	expect(found.problems).toHaveLength(problems);
});

test.each([
	["7", true, 0],
	["6", false, 0],
	["8", false, 0],
	["07", false, 0],
	["true", false, 1],
	["-7", false, 1],
	["", false, 1],
])("allow-outage: %j", (text, outageAllowed, problems) => {
	const found = read({ "xmppfed.dev/allow-outage": text });
	expect(found.orders).toEqual({ ...nothing, outageAllowed });
	expect(found.problems).toHaveLength(problems);
});
