import { loadKubeConfig } from "../kubernetes/connection.ts";
import type { Command, Commands } from "./command.ts";
import { withCluster } from "./connect.ts";
import { dataForms } from "./data.ts";
import { federations, nodeNames } from "./federations.ts";

/** Numbers that kubectl's completion understands (cobra's directives). */
const directive = { files: 0, nothingElse: 4 } as const;

/**
 * What could stand for the last word of a command line, as kubectl asks for it: one in a line, then a directive. Whatever
 * goes wrong, nothing is offered: nobody wants a message in the middle of typing.
 *
 * @param words those after `kubectl xmppfed`; the last one is being typed and may be empty
 */
export async function complete(words: readonly string[], commands: Commands): Promise<string> {
	const typed = words.at(-1) ?? "";
	const [first, ...after] = words.slice(0, -1);
	const found = commands.find((candidate) => candidate.name === first);
	if (!found) return offer(first === undefined ? commands.map(({ name }) => name) : [], typed);
	if (!("commands" in found)) return await completeCommand(found, after, typed);
	const [second, ...rest] = after;
	const seconds = new Map(found.commands.map((command) => [command.name.slice(found.name.length + 1), command]));
	if (second === undefined) return offer([...seconds.keys()], typed);
	const command = seconds.get(second);
	return command ? await completeCommand(command, rest, typed) : offer([], typed);
}

async function completeCommand(command: Command, rest: readonly string[], typed: string): Promise<string> {
	const options = Object.entries(command.options);
	const isOf = (word: string, [long, { short }]: (typeof options)[number]) =>
		word === `--${long}` || (short !== undefined && word === `-${short}`);
	const before = options.find((option) => isOf(rest.at(-1) ?? "", option));
	if (before?.[0] === "filename" || before?.[0] === "kubeconfig") return `:${directive.files}`;
	if (before?.[0] === "output" || before?.[0] === "format") return offer(command.outputs ?? dataForms, typed);
	if (before?.[0] === "context") return offer(contexts(settings(rest)), typed);
	if (before?.[1].type === "string") return offer([], typed);
	if (typed.startsWith("-"))
		return offer(
			options.map(([long]) => `--${long}`),
			typed,
		);

	const given = rest.filter((word, index) => {
		const previous = options.find((option) => isOf(rest[index - 1] ?? "", option));
		return !word.startsWith("-") && previous?.[1].type !== "string";
	});
	const wanted = command.takes[given.length];
	if (wanted === undefined || wanted === "domain") return offer([], typed);
	if (wanted !== "federation" && wanted !== "node") return offer(wanted, typed);
	return offer(await names(wanted, given[0] ?? "", settings(rest)), typed);
}

function offer(candidates: readonly string[], typed: string): string {
	return [...candidates.filter((candidate) => candidate.startsWith(typed)), `:${directive.nothingElse}`].join("\n");
}

async function names(
	what: "federation" | "node",
	federation: string,
	where: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
	try {
		return await withCluster(where, async ({ client, namespace }) => {
			if (what === "federation") {
				return (await client.list(federations, { namespace })).items.map(({ metadata }) => metadata.name);
			}
			const found = await client.get(federations, namespace, federation);
			return found ? nodeNames(found) : [];
		});
	} catch {
		return [];
	}
}

function contexts({ kubeconfig }: Readonly<Record<string, string>>): readonly string[] {
	try {
		return loadKubeConfig({ kubeconfig })
			.getContexts()
			.map(({ name }) => name);
	} catch {
		return [];
	}
}

/** Cluster and namespace, read leniently from a command line that is not whole yet. */
function settings(words: readonly string[]): Record<string, string> {
	const found: Record<string, string> = {};
	for (const [index, word] of words.entries()) {
		const match = /^(?:--(namespace|context|kubeconfig)|-n)(?:=(.*))?$/.exec(word);
		if (match) found[match[1] ?? "namespace"] = match[2] ?? words[index + 1] ?? "";
	}
	return found;
}
