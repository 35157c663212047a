import { spawn } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { inject, onTestFinished } from "vitest";
import { kubectlPlugin, kubectlPluginCompletion } from "../../deploy/build.ts";
import { type CommandResult, run } from "../../deploy/lib/commands.ts";
import {
	condition,
	type FederationObject,
	federation,
	federations,
	playKubelet,
	revisionOf,
	startOperator,
} from "./operator-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

export interface RunOptions {
	readonly kubeconfig?: string;
	readonly input?: string;
	readonly env?: Readonly<Record<string, string>>;
}

/** The Node that runs the tests comes first on the PATH, as the plugin's first line looks it up there. */
const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);

/** Runs the built plugin as a process of its own. Exit codes are for the test to judge. */
export async function xmppfed(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
	return await runProgram([kubectlPlugin, ...args], options);
}

/** Runs `kubectl xmppfed`: a real kubectl that finds the plugin on the PATH. */
export async function kubectlXmppfed(args: readonly string[]): Promise<CommandResult> {
	return await kubectlWithPlugin(["xmppfed", ...args]);
}

/** A real kubectl that finds the plugin, and what completes its command lines, on the PATH. */
export async function kubectlWithPlugin(args: readonly string[]): Promise<CommandResult> {
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-plugin-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	for (const file of [kubectlPlugin, kubectlPluginCompletion]) await symlink(file, join(directory, basename(file)));
	return await kubectl(args, { env: { PATH: [directory, path].join(delimiter) } });
}

export async function kubectl(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
	return await runProgram([inject("binaries").kubectl, ...args], options);
}

async function runProgram(command: readonly string[], { kubeconfig, input, env }: RunOptions): Promise<CommandResult> {
	return await run(command, { env: environment(kubeconfig, env), accept: [0, 1, 2], input });
}

/** What the plugin prints on a terminal, which script(1) of util-linux makes. Arguments without spaces. */
export async function onTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
	const command = ["script", "-qec", [kubectlPlugin, ...args].join(" "), "/dev/null"];
	// Those of the machine that runs the tests would decide.
	const unset = { NO_COLOR: undefined, FORCE_COLOR: undefined, CI: undefined, TERM: "xterm" };
	return (await run(command, { env: { ...unset, ...environment(), ...env } })).stdout;
}

/** The plugin while it runs. */
export function startXmppfed(args: readonly string[]) {
	const child = spawn(kubectlPlugin, args, {
		env: { ...process.env, ...environment() },
		stdio: ["ignore", "pipe", "pipe"],
	});
	const output = { stdout: "", stderr: "" };
	child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output.stdout += chunk));
	child.stderr.setEncoding("utf8").on("data", (chunk: string) => (output.stderr += chunk));
	const ended = new Promise<number | null>((resolve, reject) => {
		child.once("error", reject);
		child.once("close", resolve);
	});
	onTestFinished(() => void child.kill("SIGKILL"));
	return { output, ended };
}

/** A federation of two nodes that an operator has brought up. */
export async function runningFederation(
	spec: Record<string, unknown> = {},
	make: (object: FederationObject) => Promise<unknown> = async (object) =>
		await testClient().create(federations, object),
) {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const operator = startOperator(namespace);
	await make(federation(namespace, "example", spec));
	for (const node of ["gw-1", "gw-2"]) {
		await eventually(async () => await revisionOf(client, namespace, node), `${node} is made`);
		await playKubelet(client, namespace, node, true);
	}
	await eventually(
		async () => (await condition(client, namespace, "example", "Progressing"))?.text === "False Complete",
		"the roll-out is complete",
	);
	return { client, namespace, operator };
}

function environment(kubeconfig = inject("kubeconfig"), more: Readonly<Record<string, string>> = {}) {
	return { PATH: path, HOME: tmpdir(), KUBECONFIG: kubeconfig, ...more };
}
