import { connectionHelp, connectionOptions, parseArguments, positionals } from "./arguments.ts";
import { auditText } from "./audit-text.ts";
import { type AuditAnswer, auditedPeers, auditStatus } from "./audit-view.ts";
import type { Command } from "./command.ts";
import { withCluster } from "./connect.ts";
import { dataForm, dataText } from "./data.ts";
import { chosenFederation } from "./federations.ts";
import { gatewayPods } from "./gateway-pods.ts";
import { areAllUnread, askPod } from "./pod-answer.ts";

const name = "policy audit";
const options = { ...connectionOptions, output: { type: "string", short: "o" } } as const;

export const policyAudit: Command = {
	name,
	summary: "whom a policy in Audit would have denied",
	help: `Shows the peers that a policy with enforcement: Audit would have denied, with the stanzas that this is about: what
all Enabled nodes of a federation list, together.

Usage: kubectl xmppfed policy audit [NAME] [-n NAMESPACE] [-o json|yaml]

  -o, --output FORM      json or yaml: the list as data
${connectionHelp}

NAME is the XmppFederation; it may be left out where the namespace has one. Each node lists 1,000 peers at most, and
begins anew with every policy and when it restarts. It asks every pod itself, by a port that the API server forwards:
that needs the rights to list pods and to create pods/portforward. A pod that cannot be asked is named with the
reason. The exit code is 1 where none could be.`,
	examples: ["policy audit", "policy audit example -o json"],
	options,
	takes: ["federation"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments(name, args, options);
		const [federation] = positionals(name, given, ["NAME"], 0);
		const form = dataForm(name, values.output);
		return await withCluster(values, async ({ client, pods, namespace }) => {
			const { metadata } = await chosenFederation(client, namespace, federation);
			const found = await gatewayPods(client, namespace, metadata.name);
			const answers = await Promise.all(found.map(async (pod) => await askPod(pods, pod, auditStatus)));
			const text = form ? dataText(form, dataOf(metadata.name, answers)) : auditText(answers, terminal.paint);
			await terminal.print(text || `No node of ${metadata.name} is Enabled and has a pod: no policy is in force.`);
			return areAllUnread(answers) ? 1 : 0;
		});
	},
};

function dataOf(federation: string, answers: readonly AuditAnswer[]) {
	return {
		federation,
		peers: auditedPeers(answers),
		nodes: answers.map((answer) => ({
			node: answer.pod.node,
			pod: answer.pod.name,
			...("problem" in answer ? { problem: answer.problem } : { enforcement: answer.status.policy?.enforcement }),
		})),
	};
}
