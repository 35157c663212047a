import { connectionHelp, connectionOptions, oneOf, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { withCluster } from "./connect.ts";
import { dataForms, dataText, isDataForm } from "./data.ts";
import { dnsTable, zoneText } from "./dns-text.ts";
import { viewOf } from "./federation-view.ts";
import { federationsIn } from "./federations.ts";

const outputs = ["table", "zone", ...dataForms] as const;

const options = { ...connectionOptions, output: { type: "string", short: "o", default: "table" } } as const;

export const dnsShow: Command = {
	name: "dns show",
	summary: "the records to publish, as a zone file if you like",
	help: `Shows the DNS records that have to be published so that peers find federations.

Usage: kubectl xmppfed dns show [NAME] [-n NAMESPACE] [-o table|zone|json|yaml]

  -o, --output FORM      table (default); zone: lines of a zone file (RFC 1035), with full names, so that they go into
                         any zone that has them; json or yaml
${connectionHelp}

Whether they are published already is in the condition DNSPublished: kubectl xmppfed status NAME`,
	examples: ["dns show", "dns show example -o zone"],
	options,
	outputs,
	takes: ["federation"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("dns show", args, options);
		const [name] = positionals("dns show", given, ["NAME"], 0);
		const output = oneOf("dns show", "-o", values.output, outputs);
		return await withCluster(values, async ({ client, namespace }) => {
			const records = (await federationsIn(client, namespace, name))
				.map(viewOf)
				.flatMap((view) => view.status.dnsRecords.map((record) => ({ federation: view.name, ...record })));
			if (isDataForm(output)) await terminal.print(dataText(output, records));
			else if (records.length === 0) await terminal.print(nothing(namespace, name));
			else await terminal.print(output === "zone" ? zoneText(records) : dnsTable(records));
			return 0;
		});
	},
};

function nothing(namespace: string, name: string | undefined): string {
	const what = name === undefined ? `No federation in namespace ${namespace} has` : `${name} has`;
	return `${what} records to publish. Is spec.service.hostname set, and a node Enabled and published?`;
}
