import { orderAnnotations } from "../model/rollout-orders.ts";
import { annotate } from "./annotate.ts";
import { connectionHelp, connectionOptions, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { withCluster } from "./connect.ts";
import { federationNamed } from "./federations.ts";
import { isPaused } from "./orders.ts";

export const resume: Command = {
	name: "resume",
	summary: "let a paused federation go on with its restarts",
	help: `Ends the pause of a federation: the operator goes on with the restarts that are due.

Usage: kubectl xmppfed resume NAME [-n NAMESPACE]

It removes the annotation ${orderAnnotations.paused}.
It needs the right to patch XmppFederations, which the cluster roles edit and admin have.

${connectionHelp}`,
	examples: ["resume example"],
	options: connectionOptions,
	takes: ["federation"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("resume", args, connectionOptions);
		const [name = ""] = positionals("resume", given, ["NAME"], 1);
		return await withCluster(values, async ({ client, namespace }) => {
			const federation = await federationNamed(client, namespace, name);
			if (!isPaused(federation.metadata)) {
				await terminal.print(`${name}: is not paused`);
				return 0;
			}
			await annotate(client, federation, orderAnnotations.paused, null);
			await terminal.print(`${name}: goes on`);
			return 0;
		});
	},
};
