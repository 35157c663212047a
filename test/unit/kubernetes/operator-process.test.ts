import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";

// Loading all of client-node takes a second or two, and more on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const source = join(import.meta.dirname, "../../../src/kubernetes/operator-process.ts");

/** The life cycle belongs to a process, so each test has one; `work` is the source of the work function. */
async function startProcess(work: string, grace = 10_000): Promise<{ child: ChildProcess; output: () => string }> {
	const program = `
		import { KubeConfig } from "@kubernetes/client-node";
		import { pino } from "pino";
		import { OperatorProcess } from ${JSON.stringify(source)};
		const kubeConfig = new KubeConfig();
		kubeConfig.loadFromClusterAndUser({ name: "given", server: "https://192.0.2.1" }, { name: "user" });
		const operator = new OperatorProcess({ kubeConfig, log: pino(), grace: ${grace}, work: ${work} });
		console.log("constructed for", operator.kubeConfig.getCurrentCluster().name);
		process.exit(await operator.runUntilSignal());
	`;
	const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
		cwd: import.meta.dirname,
		stdio: ["ignore", "pipe", "pipe"],
	});
	onTestFinished(() => void child.kill("SIGKILL"));
	let output = "";
	const started = Promise.withResolvers<void>();
	const listen = (chunk: Buffer) => {
		output += chunk.toString();
		if (output.includes("working")) started.resolve();
	};
	child.stdout?.on("data", listen);
	child.stderr?.on("data", listen);
	child.once("close", () => started.resolve());
	await started.promise;
	return { child, output: () => output };
}

async function exitCode(child: ChildProcess): Promise<unknown> {
	if (child.exitCode !== null) return child.exitCode;
	return (await once(child, "close"))[0] as unknown;
}

const untilStopped = `async (stopping) => {
	console.log("working");
	const timer = setInterval(() => {}, 1000);
	await new Promise((resolve) => stopping.addEventListener("abort", resolve));
	await new Promise((resolve) => setTimeout(resolve, 200));
	clearInterval(timer);
	console.log("finished properly");
}`;

const neverEnding = `async () => {
	console.log("working");
	await new Promise((resolve) => setInterval(() => {}, 1000));
}`;

test.each(["SIGTERM", "SIGINT"] as const)("%s lets the work finish, and the process exits with 0", async (signal) => {
	const { child, output } = await startProcess(untilStopped);
	expect(output()).toContain("constructed for given");
	child.kill(signal);
	expect(await exitCode(child)).toBe(0);
	expect(output()).toContain("finished properly");
});

test("work that ends by itself ends the process with 0", async () => {
	const { child } = await startProcess(`async () => console.log("working")`);
	expect(await exitCode(child)).toBe(0);
});

test("work that fails ends the process with 1, and the reason is logged", async () => {
	const { child, output } = await startProcess(`async () => { console.log("working"); throw new Error("no lease"); }`);
	expect(await exitCode(child)).toBe(1);
	expect(output()).toMatch(/"level":60.*"msg":"no lease"/);
});

test("work that does not end in time is ended with 1", async () => {
	const { child, output } = await startProcess(neverEnding, 300);
	child.kill("SIGTERM");
	expect(await exitCode(child)).toBe(1);
	expect(output()).toContain("did not finish within 0.3 s of SIGTERM");
});

test("a second signal ends the process at once", async () => {
	const { child, output } = await startProcess(neverEnding);
	child.kill("SIGTERM");
	await expect.poll(output).toContain("finishing what was begun");
	child.kill("SIGINT");
	expect(await exitCode(child)).toBe(130);
});
