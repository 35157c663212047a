import { findCommand, helpText, overview } from "./command.ts";
import { commands } from "./commands.ts";
import { complete } from "./complete.ts";
import { explain } from "./failure.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

const help = `Shows XMPP federations and steers their restarts.

Usage: kubectl xmppfed COMMAND [ARGUMENT...]

${overview(commands)}

kubectl xmppfed COMMAND --help says more. Exit codes: 0 all is well, 2 there are findings, 1 error.`;

async function main(words: readonly string[], terminal: Terminal): Promise<number> {
	const [first, ...after] = words;
	if (first === undefined || first === "--help" || first === "-h" || first === "help") {
		await terminal.print(first === "help" && after.length > 0 ? helpOf(after) : help);
		return first === undefined ? 1 : 0;
	}
	if (first === "__complete") {
		await terminal.print(await complete(after, commands));
		return 0;
	}
	const { command, rest = [] } = findCommand(commands, words);
	const end = rest.indexOf("--");
	const options = end < 0 ? rest : rest.slice(0, end);
	if (!command || options.includes("--help") || options.includes("-h")) {
		await terminal.print(helpOf(words));
		return 0;
	}
	return await command.run(rest, terminal);
}

function helpOf(words: readonly string[]): string {
	const { command, group } = findCommand(commands, words);
	if (!group) return helpText(command);
	return `${capitalized(group.summary)}.\n\nUsage: kubectl xmppfed ${group.name} COMMAND [ARGUMENT...]\n\n${overview(group.commands)}`;
}

function capitalized(text: string): string {
	return text.charAt(0).toUpperCase() + text.slice(1);
}

const terminal = processTerminal();
main(process.argv.slice(2), terminal).then(
	(code) => process.exit(code),
	(error: unknown) => {
		terminal.note(`error: ${explain(error)}`);
		process.exit(1);
	},
);
