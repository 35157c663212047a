import { version as clientVersion } from "../version.ts";
import { connectionHelp, connectionOptions, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { withCluster } from "./connect.ts";
import { dataForm, dataText } from "./data.ts";
import { explain } from "./failure.ts";
import { type OperatorInstallation, operatorsOf } from "./operators.ts";
import { table } from "./table.ts";

const options = {
	...connectionOptions,
	client: { type: "boolean" },
	output: { type: "string", short: "o" },
} as const;

export const version: Command = {
	name: "version",
	summary: "of this program, and the operators of the cluster",
	help: `Shows the version of this program and the images of the operators in the cluster.

Usage: kubectl xmppfed version [--client] [-o json|yaml]

      --client           this program alone: no cluster is asked
  -o, --output FORM      json or yaml
${connectionHelp}

To see operators needs the right to list Deployments in all namespaces; without it that is said, and the exit code is 0.`,
	examples: ["version", "version --client -o json"],
	options,
	takes: [],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("version", args, options);
		positionals("version", given, [], 0);
		const form = dataForm("version", values.output);
		const cluster = values.client
			? {}
			: await withCluster(values, async ({ client }) => ({ operators: await operatorsOf(client) })).catch(
					(error: unknown) => ({ problem: explain(error) }),
				);
		await terminal.print(
			form ? dataText(form, { client: clientVersion, ...cluster }) : versionText(clientVersion, cluster),
		);
		return 0;
	},
};

interface Cluster {
	readonly operators?: readonly OperatorInstallation[];
	/** Why they are not known. */
	readonly problem?: string;
}

function versionText(own: string, { operators, problem }: Cluster): string {
	const client = `kubectl-xmppfed ${own}`;
	if (problem !== undefined) return `${client}\nOperators are not known: ${problem}`;
	if (!operators) return client;
	if (operators.length === 0) return `${client}\nNo operator is installed in this cluster.`;
	return `${client}\n${table(
		["OPERATOR IN", "IMAGE"],
		operators.map(({ namespace, image }) => [namespace, image]),
	)}`;
}
