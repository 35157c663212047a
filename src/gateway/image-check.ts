import type { NodeIntent } from "../model/intent.ts";
import { configurationDirectory, configurationKeys, type GatewayLayout } from "./layout.ts";
import { luaString, luaValue } from "./lua.ts";

/** Exit code of a gateway process whose image is older than its configuration (EX_CONFIG of sysexits.h). */
export const outdatedImageExitCode = 78;

/**
 * Ends the process where its image lacks one of the files that its configuration names: Prosody goes on without a module
 * that is not there, and would run with half of what is asked for. It comes with the configuration, for an image that is
 * older lacks it as well. Run before logs are set up, so it writes a line of its own.
 */
export const imageCheckScript = `return function (image)
	for _, name in ipairs(image.files) do
		local file = io.open(image.directory.."/"..name);
		if not file then
			local line = '{"ts":"%s","level":"error","role":"%s","node":"%s","module":"image-check","msg":"%s"}';
			local message = "The gateway image lacks "..name..": it is older than the operator. Use an image of the operator's release";
			print(line:format(os.date("!%Y-%m-%dT%H:%M:%SZ"), image.role, image.node, message));
			os.exit(${outdatedImageExitCode});
		end
		file:close();
	end
end
`;

/**
 * The text of a configuration that ends a process whose image is too old for it.
 *
 * @param lines the first is the title
 */
export function withImageCheck(
	[title = "", ...lines]: readonly string[],
	{ name }: NodeIntent,
	role: "router" | "federation",
	{ moduleDirectory }: GatewayLayout,
): string {
	const image = { directory: moduleDirectory, role, node: name, files: neededFiles(lines, moduleDirectory) };
	const script = luaString(`${configurationDirectory}/${configurationKeys.imageCheck}`);
	return [title, "", "-- Ends where the image is too old", `RunScript(${script})(${luaValue(image)})`, ...lines].join(
		"\n",
	);
}

/** Modules and scripts of ours, by their file names. */
function neededFiles(lines: readonly string[], moduleDirectory: string): readonly string[] {
	const found = lines.flatMap((line) => {
		const [, script] = line.split(`RunScript("${moduleDirectory}/`);
		if (script !== undefined) return [script.split('"')[0] ?? ""];
		if (!/^(Component |\t?modules_enabled = )/.test(line)) return [];
		return [...line.matchAll(/"(xmppfed_\w+)"/g)].map(([, module]) => `mod_${module}.lua`);
	});
	return [...new Set(found)].toSorted();
}
