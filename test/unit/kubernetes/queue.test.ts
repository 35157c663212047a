import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WorkQueue } from "../../../src/kubernetes/queue.ts";

beforeEach(() => {
	vi.useFakeTimers();
});
afterEach(() => {
	vi.useRealTimers();
});

/** A queue whose runs are ended by the test. */
function controlled(concurrency = 10) {
	const started: string[] = [];
	const ends = new Map<string, PromiseWithResolvers<void>>();
	const queue = new WorkQueue({
		concurrency,
		process: (key) => {
			started.push(key);
			const end = Promise.withResolvers<void>();
			ends.set(key, end);
			return end.promise;
		},
	});
	const settle = () => vi.advanceTimersByTimeAsync(0);
	return {
		queue,
		started,
		settle,
		end: async (key: string) => {
			ends.get(key)?.resolve();
			await settle();
		},
	};
}

test("a key that is added several times while it waits is processed once", async () => {
	const { queue, started, settle, end } = controlled(1);
	for (const key of ["a", "b", "b", "a", "b"]) queue.add(key);
	await settle();
	await end("a");
	await end("b");
	expect(started).toEqual(["a", "b"]);
	expect(queue.waiting).toBe(0);
});

test("a key that is added while it is processed is processed again, but never twice at once", async () => {
	const { queue, started, settle, end } = controlled();
	queue.add("a");
	await settle();
	queue.add("a");
	queue.add("a");
	await settle();
	expect(started).toEqual(["a"]);
	expect(queue.processing).toBe(1);
	await end("a");
	expect(started).toEqual(["a", "a"]);
	await end("a");
	expect(started).toEqual(["a", "a"]);
});

test("a process that adds its own key before it first waits does not run twice at once", async () => {
	let running = 0;
	let most = 0;
	let runs = 0;
	const queue = new WorkQueue({
		concurrency: 5,
		process: async (key) => {
			running++;
			most = Math.max(most, running);
			if (++runs < 3) queue.add(key);
			await Promise.resolve();
			running--;
		},
	});
	queue.add("a");
	await vi.advanceTimersByTimeAsync(0);
	expect({ runs, most }).toEqual({ runs: 3, most: 1 });
});

test("no more keys than the concurrency are processed at once, the oldest first", async () => {
	const { queue, started, settle, end } = controlled(2);
	for (const key of ["a", "b", "c", "d"]) queue.add(key);
	await settle();
	expect(started).toEqual(["a", "b"]);
	await end("b");
	expect(started).toEqual(["a", "b", "c"]);
	await end("a");
	await end("c");
	await end("d");
	expect(started).toEqual(["a", "b", "c", "d"]);
	expect(queue.processing).toBe(0);
});

test("a key that waits for its own run does not hold up the others", async () => {
	const { queue, started, settle } = controlled(2);
	queue.add("a");
	await settle();
	queue.add("a");
	queue.add("b");
	await settle();
	expect(started).toEqual(["a", "b"]);
});

test("a failing key comes again after a delay that doubles up to the cap, others are not delayed", async () => {
	const failures: { key: string; failures: number; delay: number }[] = [];
	const queue = new WorkQueue({
		concurrency: 1,
		process: async (key) => {
			if (key === "bad") throw new Error("no");
		},
		backoff: { base: 100, cap: 1000 },
		random: () => 1,
		hooks: { failed: (key, _seconds, _error, count, delay) => failures.push({ key, failures: count, delay }) },
	});
	queue.add("bad");
	await vi.advanceTimersByTimeAsync(0);
	queue.add("good");
	await vi.advanceTimersByTimeAsync(100 + 200 + 400 + 800 + 1000 + 1000);
	expect(failures.map(({ delay }) => delay)).toEqual([100, 200, 400, 800, 1000, 1000, 1000]);
	expect(failures.every(({ key }) => key === "bad")).toBe(true);
	await queue.stop();
});

test("a success and forget both end the growth of the delay", async () => {
	let fail = true;
	const delays: number[] = [];
	const queue = new WorkQueue({
		concurrency: 1,
		process: async () => {
			if (fail) throw new Error("no");
		},
		backoff: { base: 100, cap: 10_000 },
		random: () => 1,
		hooks: { failed: (_key, _seconds, _error, _count, delay) => delays.push(delay) },
	});
	queue.add("a");
	await vi.advanceTimersByTimeAsync(100);
	fail = false;
	await vi.advanceTimersByTimeAsync(200);
	fail = true;
	queue.add("a");
	await vi.advanceTimersByTimeAsync(100);
	queue.forget("a");
	await vi.advanceTimersByTimeAsync(100_000);
	queue.add("a");
	await vi.advanceTimersByTimeAsync(0);
	expect(delays).toEqual([100, 200, 100, 200, 100]);
	await queue.stop();
});

test("a key that is added while its delay runs is processed at once, and the delay is dropped", async () => {
	const { queue, started, settle, end } = controlled();
	queue.addAfter("a", 5000);
	await vi.advanceTimersByTimeAsync(1000);
	expect(started).toEqual([]);
	queue.add("a");
	await settle();
	await end("a");
	await vi.advanceTimersByTimeAsync(10_000);
	expect(started).toEqual(["a"]);
});

test("of two delays the shorter one counts; one that is asked for during a run is kept", async () => {
	const { queue, started, settle, end } = controlled();
	queue.addAfter("a", 5000);
	queue.addAfter("a", 1000);
	queue.addAfter("a", 8000);
	await vi.advanceTimersByTimeAsync(1000);
	expect(started).toEqual(["a"]);
	queue.addAfter("a", 3000);
	await end("a");
	await settle();
	expect(started).toEqual(["a"]);
	await vi.advanceTimersByTimeAsync(3000);
	expect(started).toEqual(["a", "a"]);
});

test("stop waits for what runs, and starts nothing more", async () => {
	const { queue, started, settle, end } = controlled(1);
	queue.add("a");
	queue.add("b");
	queue.addAfter("c", 10);
	await settle();
	let stopped = false;
	const stopping = queue.stop().then(() => (stopped = true));
	await vi.advanceTimersByTimeAsync(1000);
	expect(stopped).toBe(false);
	queue.add("d");
	await end("a");
	await stopping;
	await vi.advanceTimersByTimeAsync(1000);
	expect(started).toEqual(["a"]);
	expect(vi.getTimerCount()).toBe(0);
});

test("stop with abort tells what runs to end", async () => {
	const failed = vi.fn<() => void>();
	const queue = new WorkQueue({
		concurrency: 1,
		process: (_key, signal) =>
			new Promise((_resolve, reject) => {
				signal.addEventListener("abort", () => reject(new Error("aborted")));
			}),
		hooks: { failed },
	});
	queue.add("a");
	await vi.advanceTimersByTimeAsync(0);
	await queue.stop({ abort: true });
	expect(queue.processing).toBe(0);
	expect(failed).not.toHaveBeenCalled();
});

test("hooks tell the depth, the time waited and the time that a run took", async () => {
	const depths: number[] = [];
	const times: [string, number][] = [];
	const queue = new WorkQueue({
		concurrency: 1,
		process: async () => {
			await new Promise((resolve) => {
				setTimeout(resolve, 2000);
			});
		},
		hooks: {
			depth: (waiting) => depths.push(waiting),
			started: (key, waited) => times.push([`${key} waited`, waited]),
			succeeded: (key, seconds) => times.push([`${key} took`, seconds]),
		},
	});
	queue.add("a");
	queue.add("b");
	await vi.advanceTimersByTimeAsync(4000);
	expect(times).toEqual([
		["a waited", 0],
		["a took", 2],
		["b waited", 2],
		["b took", 2],
	]);
	expect(depths).toEqual([1, 2, 1, 0]);
});

test("a delay that a server asked for is kept, whatever is added meanwhile, and only for that key", async () => {
	const started: string[] = [];
	const queue = new WorkQueue({
		concurrency: 1,
		backoff: { base: 10, cap: 10 },
		leastDelay: () => 5_000,
		process: async (key) => {
			started.push(key);
			// Its own writes come back as changes while it runs.
			if (started.length === 1) queue.add(key);
			if (key === "busy" && started.length < 3) throw new Error("429");
		},
	});
	queue.add("busy");
	await vi.advanceTimersByTimeAsync(0);
	queue.add("busy");
	queue.add("other");
	await vi.advanceTimersByTimeAsync(4_990);
	expect(started).toEqual(["busy", "other"]);
	await vi.advanceTimersByTimeAsync(20);
	expect(started).toEqual(["busy", "other", "busy"]);
	queue.add("busy");
	await vi.advanceTimersByTimeAsync(0);
	expect(started).toEqual(["busy", "other", "busy", "busy"]);
});
