import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { UsageError } from "./failure.ts";

/** Options of every command, named as kubectl names them. */
export const connectionOptions = {
	namespace: { type: "string", short: "n" },
	context: { type: "string" },
	kubeconfig: { type: "string" },
	help: { type: "boolean", short: "h" },
} as const;

export const connectionHelp = `  -n, --namespace NAME   namespace; by default that of the context
      --context NAME     context of the kubeconfig
      --kubeconfig FILE  kubeconfig; by default as kubectl finds it
  -h, --help             this text`;

/** @throws {UsageError} for people */
export function parseArguments<const Options extends ParseArgsOptionsConfig>(
	command: string,
	args: readonly string[],
	options: Options,
) {
	try {
		return parseArgs({ args: kubectlForm(args, options), options, allowPositionals: true, strict: true });
	} catch (error) {
		if (!(error instanceof TypeError)) throw error;
		// Node goes on about arguments that begin with a dash, which none here does.
		throw new UsageError(error.message.split(". ")[0] ?? error.message, command);
	}
}

/** kubectl takes `-n=NAME` as `-n NAME`; parseArgs would take the `=` into the value. */
function kubectlForm(args: readonly string[], options: ParseArgsOptionsConfig): string[] {
	const shorts = new Set(
		Object.values(options).flatMap(({ short, type }) => (short && type === "string" ? short : [])),
	);
	const end = args.indexOf("--");
	return args.flatMap((argument, index) => {
		const isShort = /^-[A-Za-z]=/.test(argument) && shorts.has(argument.charAt(1));
		return isShort && (end < 0 || index < end) ? [argument.slice(0, 2), argument.slice(3)] : [argument];
	});
}

/** Refuses more or fewer names than a command takes. */
export function positionals(
	command: string,
	given: readonly string[],
	names: readonly string[],
	required: number,
): readonly (string | undefined)[] {
	if (given.length > names.length) {
		const unknown = given.slice(names.length).join(" ");
		throw new UsageError(`${command} takes ${names.join(" and ") || "no name"}; too many: ${unknown}`, command);
	}
	if (given.length < required) throw new UsageError(`${names[given.length]} is missing`, command);
	return given;
}

/** A domain that is asked about: somebody's address would be answered as a domain that nobody has. */
export function domainGiven(command: string, text: string): string {
	if (!/[@/\s]/.test(text)) return text;
	const wrong = `DOMAIN is one such as partner.example, not ${JSON.stringify(text)}`;
	throw new UsageError(`${wrong}: of an address it is what stands between @ and /`, command);
}

/** The value of an option that takes certain words. */
export function oneOf<const Word extends string>(
	command: string,
	option: string,
	value: string,
	words: readonly Word[],
): Word {
	const found = words.find((word) => word === value);
	if (found !== undefined) return found;
	const [last = "", ...others] = words.toReversed();
	const list = others.length === 0 ? last : `${others.toReversed().join(", ")} or ${last}`;
	throw new UsageError(`${option} takes ${list}, not ${JSON.stringify(value)}`, command);
}
