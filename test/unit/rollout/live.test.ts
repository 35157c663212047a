import { describe, expect, test } from "vitest";
import { aliasesInForce, type LiveState, liveLimit, liveState, type ProcessReport } from "../../../src/rollout/live.ts";

const now = new Date("2026-06-01T12:00:00Z");
const wanted = { settings: "new", certificate: "aa", policy: "p2", since: now };
const has: ProcessReport = { settings: "new", certificate: "aa" };
const before: ProcessReport = { settings: "old", certificate: "aa" };
const refuses: ProcessReport = { ...has, settings: undefined, failure: "colour.json is not JSON" };

const cases: readonly (readonly [string, Record<string, ProcessReport | undefined>, string, string])[] = [
	["every process has it", { router: has, federation: has }, "InForce", "InForce"],
	["a router is all there is", { router: has }, "InForce", "InForce"],
	["one has the settings before", { router: has, federation: before }, "Applying", "Overdue"],
	["one has the certificate before", { router: has, federation: { ...has, certificate: "bb" } }, "Applying", "Overdue"],
	["one enforces the policy", { router: has, federation: { ...has, policy: { digest: "p2" } } }, "InForce", "InForce"],
	["one enforces the policy before", { federation: { ...has, policy: { digest: "p1" } } }, "Applying", "Overdue"],
	["one enforces none yet", { federation: { ...has, policy: {} } }, "Applying", "Overdue"],
	["one was not asked yet", { router: has, federation: undefined }, "Unasked", "Overdue"],
	["one refuses it", { router: has, federation: refuses }, "Refused", "Refused"],
	["one refuses it and one was not asked yet", { router: undefined, federation: refuses }, "Refused", "Refused"],
	["one has it, and something is wrong all the same", { router: { ...has, failure: "x" } }, "Refused", "Refused"],
];

describe("what a node takes over", () => {
	test.each(cases)("%s", (_what, reports, soon, later) => {
		expect(liveState(wanted, reports, now).state).toBe(soon);
		expect(liveState(wanted, reports, new Date(now.getTime() + liveLimit)).state).toBe(soon);
		expect(liveState(wanted, reports, new Date(now.getTime() + liveLimit + 1)).state).toBe(later);
		expect(liveState({ ...wanted, since: undefined }, reports, now).state).toBe(later);
	});

	test("is no policy any more once the process has none", () => {
		const none = { ...wanted, policy: undefined };
		expect(liveState(none, { federation: { ...has, policy: {} } }, now).state).toBe("InForce");
		expect(liveState(none, { federation: { ...has, policy: { digest: "p1" } } }, now).state).toBe("Applying");
	});

	test("is told with the process that it is about", () => {
		const late = new Date(now.getTime() + liveLimit + 1);
		expect(liveState(wanted, { router: has, federation: refuses }, now).message).toBe(
			"goes on with what it had before. federation: colour.json is not JSON",
		);
		expect(liveState(wanted, { router: before, federation: has }, late).message).toBe(
			"has not taken over what changed within 30 s (router); see the log of its pod",
		);
		expect(liveState(wanted, { router: has, federation: undefined }, late).message).toBe(
			"cannot be asked by the operator whether it has taken over what changed (federation)",
		);
	});
});

describe("the aliases that a node uses", () => {
	const using = (aliases: string | undefined): ProcessReport => ({
		...before,
		used: { limits: "l1", ...(aliases !== undefined && { aliases }) },
	});

	test.each<[string, LiveState["state"], Record<string, ProcessReport | undefined>, object | undefined]>([
		[
			"are those that all processes tell",
			"Applying",
			{ router: using("a2"), federation: using("a2") },
			{ digest: "a2" },
		],
		[
			"may be older than what was given",
			"Applying",
			{ router: using("a1"), federation: using("a1") },
			{ digest: "a1" },
		],
		["may be none", "Applying", { router: using(undefined) }, {}],
		["are not known while processes differ", "Applying", { router: using("a1"), federation: using("a2") }, undefined],
		["are not known while one has none", "Applying", { router: using(undefined), federation: using("a2") }, undefined],
		["are not known while one is silent", "Unasked", { router: using("a2"), federation: undefined }, undefined],
		[
			"do not depend on what is refused besides",
			"Refused",
			{ router: { ...using("a2"), failure: "x" } },
			{ digest: "a2" },
		],
		[
			"of images that do not tell are those that were given, once all is in force",
			"InForce",
			{ router: has },
			{ digest: "a2" },
		],
		["of images that do not tell are not known before", "Applying", { router: before }, undefined],
	])("%s", (_what, state, reports, expected) => {
		expect(aliasesInForce("a2", reports, { state, message: "" })).toEqual(expected);
	});
});
