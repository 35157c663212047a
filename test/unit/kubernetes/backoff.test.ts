import fc from "fast-check";
import { expect, test } from "vitest";
import { backoff, pause } from "../../../src/kubernetes/backoff.ts";

test("the delay doubles from base to cap and lies between half of that and all of it", () => {
	fc.assert(
		fc.property(
			fc.record({ base: fc.integer({ min: 1, max: 1000 }), cap: fc.integer({ min: 1000, max: 100_000 }) }),
			fc.integer({ min: 1, max: 10_000 }),
			fc.double({ min: 0, max: 0.999_999, noNaN: true }),
			(options, failures, random) => {
				const delay = backoff(options, failures, () => random);
				const full = Math.min(options.cap, options.base * 2 ** (failures - 1));
				expect(delay).toBeGreaterThanOrEqual(full / 2);
				expect(delay).toBeLessThan(full);
			},
		),
	);
});

test("a pause ends early when its signal is aborted", async () => {
	const started = performance.now();
	const controller = new AbortController();
	const pausing = pause(60_000, controller.signal);
	controller.abort();
	await pausing;
	await pause(60_000, controller.signal);
	expect(performance.now() - started).toBeLessThan(10_000);
});
