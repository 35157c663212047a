import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CommandError, run } from "../../../deploy/lib/commands.ts";
import { describeError, RemedyError, relevantLines, step } from "../../../deploy/lib/steps.ts";

let printed: string[];
beforeEach(() => {
	printed = [];
	vi.spyOn(process.stderr, "write").mockImplementation((text) => {
		printed.push(String(text).trimEnd());
		return true;
	});
});
afterEach(() => {
	vi.restoreAllMocks();
	vi.useRealTimers();
});

describe("step", () => {
	it("tells of start and end, and gives the result", async () => {
		expect(await step("doing it", () => Promise.resolve(42))).toBe(42);
		expect(printed).toEqual(["▸ doing it", "✓ doing it (0 s)"]);
	});

	it("gives a sign of life every 15 s", async () => {
		vi.useFakeTimers();
		const work = step("slow", () => new Promise<void>((resolve) => setTimeout(resolve, 70_000)));
		await vi.advanceTimersByTimeAsync(70_000);
		await work;
		expect(printed).toEqual([
			"▸ slow",
			...["15 s", "30 s", "45 s", "1 min 0 s"].map((time) => `  … slow: ${time}`),
			"✓ slow (1 min 10 s)",
		]);
	});

	it("shows a failed command's output and the remedy once, however deep the step", async () => {
		const work = step("outer", () =>
			step("inner", async () => {
				try {
					await run(["sh", "-c", "echo the reason >&2; exit 7"], { log: "/tmp/xmppfed-steps-test/x.log" });
				} catch (error) {
					throw new RemedyError("it did not work.", "do it otherwise.", { cause: error });
				}
			}),
		);
		await expect(work).rejects.toThrow("it did not work.");
		expect(printed).toEqual([
			"▸ outer",
			"  ▸ inner",
			"  ✗ inner (0 s)",
			"    it did not work.",
			"    sh -c 'echo the reason >&2; exit 7': exit code 7",
			"      | the reason",
			"    whole log: /tmp/xmppfed-steps-test/x.log",
			"    what to do: do it otherwise.",
			"✗ outer (0 s)",
		]);
	});
});

describe("describeError", () => {
	it("says no more than that an interrupted step was interrupted", () => {
		expect(describeError(new DOMException("by SIGINT", "AbortError"))).toEqual(["interrupted"]);
	});
	it("gives the place of a defect", () => {
		const lines = describeError(new TypeError("x is undefined"));
		expect(lines[0]).toBe("x is undefined");
		expect(lines[1]).toContain("steps.test.ts");
	});
	it("speaks of a command without a log", () => {
		const error = new CommandError(["tool"], "exit code 1", { code: 1, output: "a\n\nb\n" });
		expect(describeError(error)).toEqual(["tool: exit code 1", "  | a", "  | b"]);
	});
});

describe("relevantLines", () => {
	it("keeps the end, and errors from before it", () => {
		const lines = [...Array.from({ length: 50 }, (_, index) => `line ${index}`), "for more help see the manual"];
		lines[3] = "fatal: no space left on device";
		const shown = relevantLines(lines.join("\n"), 10);
		expect(shown.slice(0, 2)).toEqual(["fatal: no space left on device", "…"]);
		expect(shown.at(-1)).toBe("for more help see the manual");
		expect(shown).toHaveLength(12);
	});
});
