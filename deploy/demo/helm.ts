import { CommandError, type CommandOptions, type CommandResult, run } from "../lib/commands.ts";
import { ensureTools } from "../toolchain/tools.ts";
import type { Kubectl } from "./kubectl.ts";

/**
 * Runs Helm for the cluster of a kubectl.
 *
 * @throws {CommandError} whose message says what Helm says
 */
export async function runHelm(
	{ cluster, signal }: Kubectl,
	args: readonly string[],
	options: Omit<CommandOptions, "signal"> = {},
): Promise<CommandResult> {
	const { helm } = await ensureTools(["helm"], { signal });
	try {
		return await run([helm, "--kubeconfig", cluster.kubeconfigPath, ...args], { ...options, signal });
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		const { code, output } = error;
		const said = output.trim().split("\n").slice(-5).join("\n");
		throw new CommandError(["helm", ...args], said || error.message, { code, cause: error });
	}
}
