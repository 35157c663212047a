import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { inject, onTestFinished } from "vitest";
import { kubectlPlugin } from "../../../deploy/build.ts";
import { run } from "../../../deploy/lib/commands.ts";
import { temporaryKubeconfig } from "../support.ts";
import type { Scene } from "./scene.ts";

/** Runs a command line. */
export type Shell = (command: string) => Promise<{
	readonly code: number;
	/** On standard output and standard error. */
	readonly printed: string;
}>;

/** Runs commands as somebody would whose kubectl is set to the namespace. */
export async function shellIn({
	namespace,
	files = {},
	env: more = {},
}: Pick<Scene, "namespace" | "files" | "env">): Promise<Shell> {
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-guide-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
	const config: { contexts: { context: object }[] } = JSON.parse(await readFile(inject("kubeconfig"), "utf8"));
	const contexts = config.contexts.map(({ context, ...rest }) => ({ ...rest, context: { ...context, namespace } }));
	const programs = [kubectlPlugin, inject("binaries").kubectl, process.execPath].map((path) => dirname(path));
	const env = {
		...more,
		KUBECONFIG: await temporaryKubeconfig(JSON.stringify({ ...config, contexts })),
		HOME: directory,
		PATH: [...programs, process.env["PATH"]].join(delimiter),
	};
	return async (command) => {
		const line = ["sh", "-c", `exec 2>&1\n${command}`];
		const { code, stdout } = await run(line, { cwd: directory, env, accept: [0, 1, 2] });
		return { code, printed: stdout };
	};
}
