import { check } from "./check.ts";
import { type CommandGroup, type Commands, findCommand, overview } from "./command.ts";
import { complete } from "./complete.ts";
import { dnsCheck } from "./dns-check.ts";
import { dnsShow } from "./dns-show.ts";
import { explain } from "./failure.ts";
import { firewall } from "./firewall.ts";
import { pause } from "./pause.ts";
import { peers } from "./peers.ts";
import { plan } from "./plan.ts";
import { policyTest } from "./policy-test.ts";
import { restart } from "./restart.ts";
import { resume } from "./resume.ts";
import { status } from "./status.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

const dns: CommandGroup = { name: "dns", summary: "records to publish, and look-ups", commands: [dnsShow, dnsCheck] };
const policy: CommandGroup = {
	name: "policy",
	summary: "whom a federation exchanges messages with",
	commands: [policyTest],
};
const commands: Commands = [plan, status, peers, check, restart, pause, resume, dns, firewall, policy];

const help = `Shows XMPP federations and steers their restarts.

Usage: kubectl xmppfed COMMAND [ARGUMENT...]

${overview(commands)}

kubectl xmppfed COMMAND --help says more.`;

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
	if (!group) return command.help;
	return `${group.summary}\n\nUsage: kubectl xmppfed ${group.name} COMMAND [ARGUMENT...]\n\n${overview(group.commands)}`;
}

const terminal = processTerminal();
main(process.argv.slice(2), terminal).then(
	(code) => process.exit(code),
	(error: unknown) => {
		terminal.note(`error: ${explain(error)}`);
		process.exit(1);
	},
);
