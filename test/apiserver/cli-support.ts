import { spawn } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { inject, onTestFinished } from "vitest";
import { kubectlPlugin } from "../../deploy/build.ts";

export interface Outcome {
	readonly code: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface RunOptions {
	readonly kubeconfig?: string;
	readonly input?: string;
	readonly env?: NodeJS.ProcessEnv;
}

/** The Node that runs the tests comes first on the PATH, as the plugin's first line looks it up there. */
const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);

/** Runs the built plugin as a process of its own. */
export async function xmppfed(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
	return await ended(start(kubectlPlugin, args, options));
}

/** Runs `kubectl xmppfed`: a real kubectl that finds the plugin on the PATH. */
export async function kubectlXmppfed(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-plugin-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	await symlink(kubectlPlugin, join(directory, "kubectl-xmppfed"));
	const env = { PATH: [directory, path].join(delimiter), ...options.env };
	return await ended(start(inject("binaries").kubectl, ["xmppfed", ...args], { ...options, env }));
}

/** The plugin while it runs. */
export function startXmppfed(args: readonly string[], options: RunOptions = {}) {
	const child = start(kubectlPlugin, args, options);
	let stdout = "";
	child.stdout.on("data", (chunk: string) => (stdout += chunk));
	onTestFinished(() => void child.kill("SIGKILL"));
	return { output: () => stdout, ended: ended(child), interrupt: () => child.kill("SIGINT") };
}

function start(program: string, args: readonly string[], { kubeconfig, input, env }: RunOptions) {
	const child = spawn(program, args, {
		env: { PATH: path, HOME: tmpdir(), KUBECONFIG: kubeconfig ?? inject("kubeconfig"), ...env },
		stdio: ["pipe", "pipe", "pipe"],
	});
	child.stdout.setEncoding("utf8");
	child.stderr.setEncoding("utf8");
	child.stdin.end(input ?? "");
	return child;
}

async function ended(child: ReturnType<typeof start>): Promise<Outcome> {
	let stdout = "";
	let stderr = "";
	child.stdout.on("data", (chunk: string) => (stdout += chunk));
	child.stderr.on("data", (chunk: string) => (stderr += chunk));
	const code = await new Promise<number | null>((resolve, reject) => {
		child.once("error", reject);
		child.once("close", resolve);
	});
	return { code, stdout, stderr };
}
