import { expect, test } from "vitest";
import { restartReasons } from "../../../src/rollout/reasons.ts";
import { restartCases } from "../../cluster/restart-cases.ts";

test("there is a case on a cluster for every reason of a restart", () => {
	const reasons = Object.keys(restartReasons).toSorted();
	expect([...new Set(restartCases.map(({ reason }) => reason))].toSorted()).toEqual(reasons);
});
