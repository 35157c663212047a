import { orderAnnotations } from "../model/rollout-orders.ts";
import { annotate } from "./annotate.ts";
import { connectionHelp, connectionOptions, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { withCluster } from "./connect.ts";
import { federationNamed } from "./federations.ts";
import { isPaused } from "./orders.ts";

export const pause: Command = {
	name: "pause",
	summary: "restart no node of a federation until it is resumed",
	help: `Keeps the operator from restarting or removing nodes of a federation. A restart that is under way is
finished. What would restart is shown by: kubectl xmppfed status NAME
What restarts nothing is not held up: nodes that are added, what nodes take over while they run, Services.

Usage: kubectl xmppfed pause NAME [-n NAMESPACE]

It sets the annotation ${orderAnnotations.paused}.
It needs the right to patch XmppFederations, which the cluster roles edit and admin have.

${connectionHelp}`,
	examples: ["pause example"],
	options: connectionOptions,
	takes: ["federation"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("pause", args, connectionOptions);
		const [name = ""] = positionals("pause", given, ["NAME"], 1);
		return await withCluster(values, async ({ client, namespace }) => {
			const federation = await federationNamed(client, namespace, name);
			if (isPaused(federation.metadata)) {
				await terminal.print(`${name}: is paused already`);
				return 0;
			}
			await annotate(client, federation, orderAnnotations.paused, "true");
			await terminal.print(`${name}: paused. To go on: kubectl xmppfed resume ${name} -n ${namespace}`);
			return 0;
		});
	},
};
