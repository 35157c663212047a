import { xmppDomain } from "../gateway/domain.ts";
import { containerNames } from "../gateway/layout.ts";
import { connectionHelp, connectionOptions, parseArguments, positionals } from "./arguments.ts";
import { stepText } from "./check-text.ts";
import { type CheckStep, readStep } from "./check-view.ts";
import type { Command } from "./command.ts";
import { withCluster } from "./connect.ts";
import { dataForm, dataText } from "./data.ts";
import { Failure } from "./failure.ts";
import { viewOf } from "./federation-view.ts";
import { chosenFederation, type FederationObject } from "./federations.ts";
import { type GatewayPod, gatewayPods } from "./gateway-pods.ts";
import { remediesText } from "./remedies.ts";

const options = {
	...connectionOptions,
	output: { type: "string", short: "o" },
	node: { type: "string" },
	local: { type: "string" },
} as const;

/** ms for all steps: a peer that answers none may take its time-out in each. */
const timeout = 180_000;

/** Exit code of the program in the pod for arguments that it cannot take. */
const wrongArguments = 64;

export const check: Command = {
	name: "check",
	summary: "try a stream to a peer, step by step",
	help: `Tries a stream to a peer from a node of a federation, as it would be for a message: SRV records, address, TCP,
STARTTLS, certificate, SASL EXTERNAL, dialback, by the settings for that peer. It is a stream of its own, over which
nothing is sent and which is closed again: those that are open are not touched.

Usage: kubectl xmppfed check PEER [NAME] [-n NAMESPACE] [--node NODE] [--local DOMAIN] [-o json|yaml]

  PEER                   the peer's domain, as it stands in XMPP addresses
  NAME                   the federation; may be left out where the namespace has one
      --node NODE        the node to try from; by default the first that runs
      --local DOMAIN     in the name of this domain of the federation; by default spec.domain
  -o, --output FORM      json or yaml: the steps as data
${connectionHelp}

It runs a program in the node's pod: that needs the rights to get the federation, to list pods and to create pods/exec.
Exit code: 0 the stream came about, 2 it did not; 1 error: the check could not be made.`,
	examples: ["check partner.example", "check partner.example example --node gw-2 -o json"],
	options,
	takes: ["domain", "federation"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("check", args, options);
		const [peer = "", name] = positionals("check", given, ["PEER", "NAME"], 1);
		const form = dataForm("check", values.output);
		return await withCluster(values, async ({ client, pods, namespace }) => {
			const federation = await chosenFederation(client, namespace, name);
			const pod = chosenPod(await gatewayPods(client, namespace, federation.metadata.name), federation, values.node);
			const local = values.local ?? viewOf(federation).spec.domain;
			const words = [
				"/usr/bin/xmppfed-gateway",
				"check",
				...[peer, local].map((domain) => xmppDomain(domain.toLowerCase())),
			];
			if (!form) await terminal.print(`${peer}, from node ${pod.node} of ${pod.federation} as ${local}`);
			const steps: CheckStep[] = [];
			const shown: Promise<void>[] = [];
			const { code, errors } = await pods.exec(
				{ namespace, pod: pod.name, container: containerNames.federation },
				words,
				{
					timeout,
					onLine: (line) => {
						const step = readStep(line);
						if (!step) return;
						steps.push(step);
						if (!form) shown.push(terminal.print(stepText(step, terminal.paint)));
					},
				},
			);
			await Promise.all(shown);
			if (steps.at(-1)?.step !== "verdict") throw new Failure(withoutVerdict(pod, code, errors));
			if (form) await terminal.print(dataText(form, { peer, local, node: pod.node, ok: code === 0, steps }));
			else {
				const remedies = remediesText(steps.map(({ cause }) => cause));
				if (remedies !== "") await terminal.print(`\n${remedies}`);
			}
			return code === 0 ? 0 : 2;
		});
	},
};

function chosenPod(found: readonly GatewayPod[], { metadata }: FederationObject, node: string | undefined): GatewayPod {
	const candidates = node === undefined ? found : found.filter((pod) => pod.node === node);
	const running = candidates.find(({ absence }) => absence === undefined);
	if (running) return running;
	const [first] = candidates;
	if (first) throw new Failure(`the pod ${first.name} of node ${first.node} cannot be used: ${first.absence}`);
	const nodes = [...new Set(found.map((pod) => pod.node))].join(", ");
	if (node === undefined || nodes === "") throw new Failure(`no node of ${metadata.name} is Enabled and has a pod`);
	throw new Failure(`${metadata.name} has no node ${JSON.stringify(node)} that is Enabled\nThere are: ${nodes}`);
}

function withoutVerdict({ node, name }: GatewayPod, code: number, errors: string): string {
	if (code === wrongArguments) return errors.trim();
	return `the check on node ${node} (pod ${name}) ended without a verdict (exit code ${code}): ${errors.trim() || "it says nothing"}\nIs the gateway image older than this program? A pod gets another image when it restarts.`;
}
