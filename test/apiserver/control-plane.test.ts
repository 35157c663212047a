import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { expect, inject, test } from "vitest";
import { eventually } from "./support.ts";

/** Starts a control plane in a process of its own and tells what there is to clean up. */
const program = `
import { startControlPlane } from ${JSON.stringify(join(import.meta.dirname, "control-plane.ts"))};
const controlPlane = await startControlPlane(JSON.parse(process.env.BINARIES));
process.on("SIGTERM", () => void controlPlane.stop().then(() => process.exit(0)));
console.log(JSON.stringify({ kubeconfig: controlPlane.kubeconfig, pids: controlPlane.pids() }));
setInterval(() => {}, 1000);
`;

interface Started {
	readonly kubeconfig: string;
	readonly pids: number[];
}

async function startInOwnProcess(): Promise<Started & { readonly child: ChildProcess }> {
	const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
		stdio: ["ignore", "pipe", "inherit"],
		env: { ...process.env, BINARIES: JSON.stringify(inject("binaries")) },
	});
	for await (const line of createInterface(child.stdout)) {
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- printed by the program above
		return { ...(JSON.parse(line) as Started), child };
	}
	throw new Error("the process ended without a control plane");
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
	const exit = once(child, "exit");
	child.kill(signal);
	await exit;
}

const isRunning = (pid: number) => existsSync(`/proc/${pid}`);

test("a control plane ends with the process that started it, also by SIGKILL, and leaves no files for long", async () => {
	const killed = await startInOwnProcess();
	expect(killed.pids.map(isRunning)).toEqual([true, true]);
	await end(killed.child, "SIGKILL");
	await eventually(() => !killed.pids.some(isRunning), "etcd and kube-apiserver to end");

	const stopped = await startInOwnProcess();
	// The killed one could not remove its files: this one did.
	expect(existsSync(dirname(killed.kubeconfig))).toBe(false);
	expect(existsSync(dirname(stopped.kubeconfig))).toBe(true);
	await end(stopped.child, "SIGTERM");
	await eventually(() => !stopped.pids.some(isRunning), "etcd and kube-apiserver to end");
	expect(existsSync(dirname(stopped.kubeconfig))).toBe(false);
}, 180_000);
