import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { root } from "../../../deploy/generate.ts";
import { output } from "../../../deploy/lib/commands.ts";
import { ensureTools } from "../../../deploy/toolchain/tools.ts";
import { type LuaValue, luaValue } from "../../../src/gateway/lua.ts";

/** The scripts, laid out as in Argo CD's own repository. */
export const customizations = join(root, "deploy/argocd/resource_customizations/xmppfed.dev");

export interface LuaCall {
	/** The resource. */
	readonly obj: unknown;
	/** Of an action. */
	readonly parameters?: Readonly<Record<string, string>>;
}

/** What the script returned, or the error that it raised. */
export type LuaOutcome = { readonly returned: unknown } | { readonly error: string };

const line = z.object({ good: z.boolean(), result: z.unknown() });

/**
 * Runs a script call by call in the Lua of Argo CD, with the little that it has there.
 *
 * @param path of the script below `customizations`
 */
export async function runLua(path: string, calls: readonly LuaCall[]): Promise<readonly LuaOutcome[]> {
	const script = await readFile(join(customizations, path), "utf8");
	const { glua } = await ensureTools(["glua"]);
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-lua-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	const file = join(directory, "calls.lua");
	// One function for each call: a function of Lua has a limited number of constants.
	const lines = calls.map(({ obj, parameters = {} }) => {
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a resource is JSON
		const call = luaValue({ obj: obj as LuaValue, parameters });
		return `calls[#calls + 1] = (function() return ${call} end)()`;
	});
	await writeFile(file, ["local calls = {}", ...lines, `return ${luaValue(script)}, calls`, ""].join("\n"));
	const printed = await output([glua, join(import.meta.dirname, "argo-lua.lua"), file]);
	return printed.split("\n").map((text) => {
		const { good, result } = line.parse(JSON.parse(text));
		return good ? { returned: result } : { error: String(result) };
	});
}

/** @throws where the script raised an error */
export function returned(outcome: LuaOutcome | undefined): unknown {
	if (outcome && "returned" in outcome) return outcome.returned;
	throw new Error(outcome ? outcome.error : "the script was not called");
}
