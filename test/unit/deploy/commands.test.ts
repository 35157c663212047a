import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandError, describeCommand, output, run, succeeds } from "../../../deploy/lib/commands.ts";

let directory: string;
beforeAll(async () => {
	directory = await mkdtemp(join(tmpdir(), "xmppfed-commands-"));
});
afterAll(async () => await rm(directory, { recursive: true }));

const alive = (pid: number) => {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
};

describe("run", () => {
	it("gives output and takes arguments as they are", async () => {
		const { stdout, code } = await run(["printf", "%s|", "a b", "$HOME", "*"]);
		expect({ stdout, code }).toEqual({ stdout: "a b|$HOME|*|", code: 0 });
	});

	it("feeds input from a string and from a stream", async () => {
		expect(await output(["cat"], { input: "one" })).toBe("one");
		expect(await output(["cat"], { input: Readable.from(["two", "three"]) })).toBe("twothree");
	});

	it("survives a program that does not read its input", async () => {
		expect((await run(["true"], { input: "x".repeat(1_000_000) })).code).toBe(0);
	});

	it("changes and removes variables", async () => {
		const env = { XMPPFED_SET: "yes", HOME: undefined };
		expect(await output(["sh", "-c", 'echo "$XMPPFED_SET-${HOME-gone}"'], { env })).toBe("yes-gone");
	});

	it("says which command failed, how, and what it said", async () => {
		const error = await run(["sh", "-c", "echo out; echo wrong >&2; exit 3"]).catch((caught: unknown) => caught);
		expect(error).toBeInstanceOf(CommandError);
		expect(error).toMatchObject({ code: 3, output: "out\nwrong\n" });
		expect(String(error)).toContain("exit code 3");
	});

	it("takes accepted exit codes for success", async () => {
		expect((await run(["sh", "-c", "exit 1"], { accept: [0, 1] })).code).toBe(1);
	});

	it("names a program that is missing", async () => {
		await expect(run(["xmppfed-no-such-program"])).rejects.toThrow("xmppfed-no-such-program was not found");
		expect(await succeeds(["xmppfed-no-such-program"])).toBe(false);
	});

	it("writes the command and all output to the log, which the error names", async () => {
		const log = join(directory, "deep", "run.log");
		await run(["echo", "first"], { log });
		const error = await run(["sh", "-c", "echo second >&2; exit 1"], { log }).catch((caught: unknown) => caught);
		expect(error).toMatchObject({ log });
		expect(await readFile(log, "utf8")).toBe("$ echo first\nfirst\n$ sh -c 'echo second >&2; exit 1'\nsecond\n");
	});

	it("ends the whole process group on abort, and throws the signal's reason", async () => {
		const controller = new AbortController();
		const pidFile = join(directory, "grandchild");
		const work = run(["sh", "-c", `sleep 600 & echo $! >${pidFile}; wait`], { signal: controller.signal });
		const failure = work.catch((error: unknown) => error);
		let grandchild = 0;
		while (grandchild === 0) {
			await sleep(10);
			grandchild = Number(await readFile(pidFile, "utf8").catch(() => "0"));
		}
		expect(alive(grandchild)).toBe(true);
		controller.abort(new Error("enough"));
		expect(await failure).toEqual(new Error("enough"));
		while (alive(grandchild)) await sleep(10);
	});

	it("starts nothing once the signal has aborted", async () => {
		const path = join(directory, "never");
		await expect(run(["touch", path], { signal: AbortSignal.abort(new Error("too late")) })).rejects.toThrow(
			"too late",
		);
		await expect(readFile(path)).rejects.toThrow("ENOENT");
	});

	it("ends a command at its time-out", async () => {
		await expect(run(["sleep", "600"], { timeout: 50 })).rejects.toThrow("not done after 0.05 s");
	});
});

describe("describeCommand", () => {
	it("quotes what a shell would take apart", () => {
		expect(describeCommand(["a", "b c", "it's", "--x=/y:1"])).toBe("a 'b c' 'it'\\''s' --x=/y:1");
	});
	it("cuts long command lines", () => {
		expect(describeCommand(["x".repeat(500)])).toHaveLength(160);
	});
});
