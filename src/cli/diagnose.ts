import { version } from "../version.ts";
import { connectionHelp, connectionOptions, oneOf, parseArguments, positionals } from "./arguments.ts";
import { askServer } from "./ask-dns.ts";
import type { Command } from "./command.ts";
import { type ClusterAccess, type ConnectionSettings, withCluster } from "./connect.ts";
import { type DataForm, dataForms, dataText, isDataForm } from "./data.ts";
import { diagnose as diagnoseFacts, hasFindings } from "./diagnosis/diagnose.ts";
import { gatherDiagnosis } from "./diagnosis/gather.ts";
import { diagnosisPage } from "./diagnosis/html.ts";
import type { Diagnosis } from "./diagnosis/report.ts";
import { diagnosisText } from "./diagnosis/text.ts";
import type { Terminal } from "./terminal.ts";

const outputs = ["text", ...dataForms, "html"] as const;

const options = {
	...connectionOptions,
	context: { type: "string", multiple: true },
	"all-namespaces": { type: "boolean", short: "A" },
	server: { type: "string", short: "s" },
	output: { type: "string", short: "o", default: "text" },
} as const;

export const diagnose: Command = {
	name: "diagnose",
	summary: "compares all federations of a domain, in several clusters if you like",
	help: `Looks for what is wrong with federations, and for what differs between those of one domain: domains, security,
dialback secret, trusted authorities, policy, aliases, email addresses, limits, certificates, versions; an Enabled node
in each cluster; DNS; reachability; peers.

Usage: kubectl xmppfed diagnose [NAME] [--context A --context B ...] [-n NAMESPACE | -A] [-o text|json|yaml|html]

  NAME                   federations of the domain that this one has; by default all
  -A, --all-namespaces   federations of all namespaces
  -s, --server ADDRESS   DNS server to ask, such as 192.0.2.53 or 192.0.2.53:5353; by default those of this machine
  -o, --output FORM      text (default), json, yaml, or html: one page with a picture, which needs nothing else
${connectionHelp.replace("context of the kubeconfig", "context of the kubeconfig; once for each cluster")}

Settings are compared with every default filled in. Secrets are compared by a digest with a key that is made for this
run, where you may read them; no value is shown. It tries the public addresses from this machine, and from a gateway pod
of each other cluster (right to create pods/exec); peers are asked about as by kubectl xmppfed peers. What you may not
read is Unknown, and the rest goes on.

Exit code: 0 nothing is wrong as far as could be seen, 2 there are problems or differences; 1 error.`,
	examples: [
		"diagnose",
		"diagnose example --context east --context west",
		"diagnose -A --context east --context west -o html > diagnosis.html",
	],
	options,
	outputs,
	takes: ["federation"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("diagnose", args, options);
		const [name] = positionals("diagnose", given, ["NAME"], 0);
		const output = oneOf("diagnose", "-o", values.output, outputs);
		const ask = askServer("diagnose", values.server);
		const { context: contexts = [], ...settings } = values;
		const scope = { name, allNamespaces: values["all-namespaces"] ?? false };
		const wanted = contexts.length === 0 ? [undefined] : [...new Set(contexts)];
		const report = await withClusters(wanted, settings, async (clusters) =>
			diagnoseFacts(await gatherDiagnosis(clusters, scope, ask, terminal.now)),
		);
		await terminal.print(reportText(report, output, terminal));
		return hasFindings(report) ? 2 : 0;
	},
};

/** Runs `work` with all clusters at once. */
async function withClusters<Result>(
	contexts: readonly (string | undefined)[],
	settings: Omit<ConnectionSettings, "context">,
	work: (clusters: readonly ClusterAccess[]) => Promise<Result>,
	begun: readonly ClusterAccess[] = [],
): Promise<Result> {
	const [context, ...others] = contexts;
	if (contexts.length === 0) return await work(begun);
	return await withCluster(
		{ ...settings, context },
		async (access) => await withClusters(others, settings, work, [...begun, access]),
	);
}

function reportText(report: Diagnosis, output: DataForm | "text" | "html", { paint }: Terminal): string {
	if (isDataForm(output)) return dataText(output, report);
	return output === "html" ? diagnosisPage(report, version) : diagnosisText(report, paint);
}
