import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cacheDirectory, cached, keyOf } from "../../../deploy/lib/cache.ts";
import { withLock } from "../../../deploy/lib/lock.ts";

let directory: string;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "xmppfed-cache-"));
	vi.stubEnv("XMPPFED_CACHE", directory);
});
afterEach(async () => {
	vi.unstubAllEnvs();
	await rm(directory, { recursive: true });
});

describe("cacheDirectory", () => {
	it("is outside the checkout, where the variables say", () => {
		expect(cacheDirectory()).toBe(directory);
		vi.stubEnv("XMPPFED_CACHE", "");
		vi.stubEnv("XDG_CACHE_HOME", "/x");
		expect(cacheDirectory()).toBe("/x/xmppfed");
	});
});

describe("keyOf", () => {
	it("tells parts from each other, not only their concatenation", () => {
		expect(keyOf("ab", "c")).not.toBe(keyOf("a", "bc"));
		expect(keyOf("a")).toMatch(/^[0-9a-f]{12}$/);
	});
});

describe("cached", () => {
	const fill = (text: string) => async (path: string) => await writeFile(join(path, "file"), text);

	it("builds once and keeps what was built", async () => {
		const first = await cached("things", "one", fill("first"));
		const second = await cached("things", "one", () => Promise.reject(new Error("must not be built again")));
		expect(second).toBe(first);
		expect(await readFile(join(first, "file"), "utf8")).toBe("first");
	});

	it("builds once for two who ask at the same time", async () => {
		let builds = 0;
		const build = async (path: string) => {
			builds++;
			await sleep(50);
			await fill("slow")(path);
		};
		const paths = await Promise.all([cached("things", "two", build), cached("things", "two", build)]);
		expect(new Set(paths).size).toBe(1);
		expect(builds).toBe(1);
	});

	it("keeps nothing of a build that failed, and builds again", async () => {
		const broken = async (path: string) => {
			await fill("half")(path);
			throw new Error("broken");
		};
		await expect(cached("things", "three", broken)).rejects.toThrow("broken");
		expect(await readdir(join(directory, "things"))).toEqual([]);
		const path = await cached("things", "three", fill("whole"));
		expect(await readFile(join(path, "file"), "utf8")).toBe("whole");
	});

	it("removes what a killed build of the same key left, and nothing else", async () => {
		const things = join(directory, "things");
		await mkdir(join(things, ".four.partial-1"), { recursive: true });
		await mkdir(join(things, ".other.partial-1"));
		await cached("things", "four", fill("x"));
		expect((await readdir(things)).toSorted()).toEqual([".other.partial-1", "four"]);
	});

	it("does not keep what was built when the signal aborted meanwhile", async () => {
		const controller = new AbortController();
		const build = async (path: string) => {
			await fill("x")(path);
			controller.abort(new Error("stop"));
		};
		await expect(cached("things", "five", build, { signal: controller.signal })).rejects.toThrow("stop");
		expect(await readdir(join(directory, "things"))).toEqual([]);
	});
});

describe("withLock", () => {
	it("lets one in at a time, also when the one before failed", async () => {
		const path = join(directory, "lock");
		let inside = 0;
		let most = 0;
		const work = async (fails: boolean) => {
			most = Math.max(most, ++inside);
			await sleep(20);
			inside--;
			if (fails) throw new Error("failed");
		};
		const all = [true, false, true].map((fails) => withLock(path, undefined, () => work(fails)));
		const results = await Promise.allSettled(all);
		expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected"]);
		expect(most).toBe(1);
	});

	it("gives up waiting on abort", async () => {
		const path = join(directory, "lock");
		await withLock(path, undefined, async () => {
			const signal = AbortSignal.timeout(50);
			await expect(withLock(path, signal, () => Promise.resolve("in"))).rejects.toThrow("aborted");
		});
	});

	it("is free again when its holder was killed", async () => {
		const path = join(directory, "lock");
		const module = join(import.meta.dirname, "../../../deploy/lib/lock.ts");
		const script = `const { withLock } = await import(${JSON.stringify(module)});
			await withLock(${JSON.stringify(path)}, undefined, () => new Promise(() => { console.log("held"); setInterval(() => {}, 1000); }));`;
		const node = join(dirname(module), "../../node_modules/.bin/node");
		const holder = spawn(node, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", "inherit"] });
		await new Promise((resolve) => holder.stdout.once("data", resolve));
		holder.kill("SIGKILL");
		expect(await withLock(path, AbortSignal.timeout(10_000), () => Promise.resolve("in"))).toBe("in");
	});
});
