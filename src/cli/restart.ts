import { orderAnnotations } from "../model/rollout-orders.ts";
import { annotate } from "./annotate.ts";
import { connectionHelp, connectionOptions, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { withCluster } from "./connect.ts";
import { Failure } from "./failure.ts";
import { federationNamed, nodeNames } from "./federations.ts";
import { alsoRestart, isPaused } from "./orders.ts";

export const restart: Command = {
	name: "restart",
	summary: "restart all nodes of a federation, or one",
	help: `Restarts the nodes of a federation, one after the other, or one of them.

Usage: kubectl xmppfed restart NAME [NODE] [-n NAMESPACE]

It sets the annotation ${orderAnnotations.restart}; the operator carries it out as any other restart, so that
no node goes before the one before it is ready again. What was asked of other nodes before stays asked for.
It needs the right to patch XmppFederations, which the cluster roles edit and admin have.

${connectionHelp}`,
	examples: ["restart example", "restart example gw-2 -n chat"],
	options: connectionOptions,
	takes: ["federation", "node"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("restart", args, connectionOptions);
		const [name = "", node] = positionals("restart", given, ["NAME", "NODE"], 1);
		return await withCluster(values, async ({ client, namespace }) => {
			const federation = await federationNamed(client, namespace, name);
			const nodes = nodeNames(federation);
			if (node !== undefined && !nodes.includes(node)) {
				throw new Failure(
					`the XmppFederation ${name} has no node ${JSON.stringify(node)}\nThere are: ${nodes.join(", ") || "none"}`,
				);
			}
			const time = terminal.now().toISOString();
			const asked = federation.metadata.annotations?.[orderAnnotations.restart];
			const order = node === undefined ? time : alsoRestart(asked, node, time, nodes);
			await annotate(client, federation, orderAnnotations.restart, order);
			await terminal.print(announcement(name, node, nodes.length));
			if (isPaused(federation.metadata)) {
				terminal.note(`${name} is paused: nothing restarts before: kubectl xmppfed resume ${name} -n ${namespace}`);
			} else {
				await terminal.print(`To follow it: kubectl xmppfed status ${name} -n ${namespace} --watch`);
			}
			return 0;
		});
	},
};

function announcement(name: string, node: string | undefined, count: number): string {
	if (node !== undefined) return `${name}: asked for a restart of node ${node}`;
	return count === 1
		? `${name}: asked for a restart of its node`
		: `${name}: asked for a restart of its ${count} nodes, one after the other`;
}
