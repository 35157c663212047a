import { connectionHelp, connectionOptions, oneOf, parseArguments, positionals } from "./arguments.ts";
import { askPeers } from "./ask-peers.ts";
import type { Command } from "./command.ts";
import { withCluster } from "./connect.ts";
import { dataForms, dataText, isDataForm } from "./data.ts";
import { federationNamed } from "./federations.ts";
import { gatewayPods } from "./gateway-pods.ts";
import { peersText } from "./peers-text.ts";
import type { PodAnswer } from "./peers-view.ts";
import { areAllUnread } from "./pod-answer.ts";

const outputs = ["wide", ...dataForms] as const;

const options = {
	...connectionOptions,
	output: { type: "string", short: "o" },
	peer: { type: "string" },
} as const;

export const peers: Command = {
	name: "peers",
	summary: "streams with peers: TLS, authentication, certificates, failures",
	help: `Shows the streams with peers of one federation, or of all in a namespace: one line for each stream of each node,
what failed last with its cause, and what to do about it.

Usage: kubectl xmppfed peers [NAME] [-n NAMESPACE] [--peer DOMAIN] [-o wide|json|yaml]

      --peer DOMAIN      that peer alone
  -o, --output FORM      wide: more columns; json or yaml: all that the nodes say
${connectionHelp}

It asks every pod itself, by a port that the API server forwards: that needs the rights to list pods and to create
pods/portforward, and no NetworkPolicy holds it up. A pod that cannot be asked is named with the reason. The exit
code is 1 where none could be.`,
	examples: ["peers", "peers example --peer partner.example", "peers -o wide"],
	options,
	outputs,
	takes: ["federation"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("peers", args, options);
		const [name] = positionals("peers", given, ["NAME"], 0);
		const form = values.output === undefined ? "" : oneOf("peers", "-o", values.output, outputs);
		return await withCluster(values, async ({ client, pods, namespace }) => {
			if (name !== undefined) await federationNamed(client, namespace, name);
			const found = await gatewayPods(client, namespace, name);
			if (found.length === 0 && !isDataForm(form)) {
				const where = name === undefined ? `in namespace ${namespace}` : `of ${name}`;
				await terminal.print(`No node ${where} is Enabled and has a pod: there are no streams with peers.`);
				return 0;
			}
			const answers = await Promise.all(found.map(async (pod) => await askPeers(pods, pod, values.peer)));
			const text = isDataForm(form)
				? dataText(form, dataOf(answers))
				: peersText(answers, {
						wide: form === "wide",
						withFederation: new Set(found.map(({ federation }) => federation)).size > 1,
						peer: values.peer,
						now: terminal.now(),
						paint: terminal.paint,
					});
			await terminal.print(text);
			return areAllUnread(answers) ? 1 : 0;
		});
	},
};

function dataOf(answers: readonly PodAnswer[]) {
	return {
		nodes: answers.map((answer) => {
			const { federation, node, name: pod } = answer.pod;
			if ("problem" in answer) return { federation, node, pod, problem: answer.problem };
			const { streams, failures } = answer.status;
			return { federation, node, pod, streams, failures };
		}),
	};
}
