import type { Command } from "./command.ts";
import { complete } from "./complete.ts";
import { explain, UsageError } from "./failure.ts";
import { pause } from "./pause.ts";
import { plan } from "./plan.ts";
import { restart } from "./restart.ts";
import { resume } from "./resume.ts";
import { status } from "./status.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

const commands: readonly Command[] = [plan, status, restart, pause, resume];

const help = `Shows and steers the restarts of XMPP federations.

Usage: kubectl xmppfed COMMAND [ARGUMENT...]

${commands.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join("\n")}

kubectl xmppfed COMMAND --help says more.`;

async function main([name, ...args]: readonly string[], terminal: Terminal): Promise<number> {
	if (name === undefined || name === "--help" || name === "-h" || name === "help") {
		const asked = commands.find((command) => command.name === args[0]);
		await terminal.print(asked && name === "help" ? asked.help : help);
		return name === undefined ? 1 : 0;
	}
	if (name === "__complete") {
		await terminal.print(await complete(args, commands));
		return 0;
	}
	const command = commands.find((candidate) => candidate.name === name);
	if (!command) {
		const known = commands.map((candidate) => candidate.name).join(", ");
		throw new UsageError(`there is no command ${JSON.stringify(name)}; there are: ${known}`);
	}
	const end = args.indexOf("--");
	const options = end < 0 ? args : args.slice(0, end);
	if (options.includes("--help") || options.includes("-h")) {
		await terminal.print(command.help);
		return 0;
	}
	return await command.run(args, terminal);
}

const terminal = processTerminal();
main(process.argv.slice(2), terminal).then(
	(code) => process.exit(code),
	(error: unknown) => {
		terminal.note(`error: ${explain(error)}`);
		process.exit(1);
	},
);
