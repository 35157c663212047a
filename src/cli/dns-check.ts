import { isIPv6 } from "node:net";
import { domainGiven, parseArguments, positionals } from "./arguments.ts";
import { askServer } from "./ask-dns.ts";
import type { Command } from "./command.ts";
import { dataForm, dataText } from "./data.ts";
import { checkDomain, type DomainCheck, isFound } from "./dns-check-domain.ts";
import { table } from "./table.ts";

const options = {
	server: { type: "string", short: "s" },
	output: { type: "string", short: "o" },
	help: { type: "boolean", short: "h" },
} as const;

export const dnsCheck: Command = {
	name: "dns check",
	summary: "whether DNS leads to the XMPP server of a domain",
	help: `Looks up, from this machine, where a domain's XMPP server is, as another server would.

Usage: kubectl xmppfed dns check DOMAIN [--server ADDRESS] [-o json|yaml]

  -s, --server ADDRESS   DNS server to ask, such as 192.0.2.53 or 192.0.2.53:5353; by default those of this machine
  -o, --output FORM      json or yaml: what was found as data
  -h, --help             this text

Exit code: 0 a server can be found, 2 none can; 1 error: DNS did not answer. From a gateway's own place in the network:
kubectl xmppfed check DOMAIN`,
	examples: ["dns check partner.example", "dns check partner.example --server 192.0.2.53"],
	options,
	takes: ["domain"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("dns check", args, options);
		const [text = ""] = positionals("dns check", given, ["DOMAIN"], 1);
		const domain = domainGiven("dns check", text);
		const form = dataForm("dns check", values.output);
		const check = await checkDomain(domain.toLowerCase().replace(/\.$/, ""), askServer("dns check", values.server));
		await terminal.print(form ? dataText(form, check) : checkText(check, values.server));
		if (isFound(check)) return 0;
		return check.failure === undefined ? 2 : 1;
	},
};

/** What was found, for people. */
export function checkText(check: DomainCheck, server?: string): string {
	const { name, domain, hosts, failure } = check;
	const asked = `$ ${nslookup(name, server)}`;
	const rows = hosts.map(({ priority, weight, port, host, addresses, failure: why }) => [
		String(priority ?? "-"),
		String(weight ?? "-"),
		host,
		String(port),
		addresses.join(", ") || why || "no address",
	]);
	const list = rows.length === 0 ? [] : [table(["PRIORITY", "WEIGHT", "HOST", "PORT", "ADDRESSES"], rows)];
	return [asked, ...list, verdict(check, domain, failure)].join("\n");
}

/** What a person would type. @param server ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT */
function nslookup(name: string, server: string | undefined): string {
	const [, address, port] =
		/^\[?(.*?)\]?(?::(\d+))?$/.exec(isIPv6(server ?? "") ? `[${server}]` : (server ?? "")) ?? [];
	return ["nslookup", ...(port ? [`-port=${port}`] : []), "-type=SRV", name, ...(address ? [address] : [])].join(" ");
}

function verdict({ records, hosts, refuses }: DomainCheck, domain: string, failure: string | undefined): string {
	if (failure !== undefined) return `${domain}: DNS did not answer: ${failure}.`;
	if (refuses) return `${domain} says that it has no XMPP server for others: its SRV record has the target ".".`;
	const reachable = hosts.filter(({ addresses }) => addresses.length > 0).length;
	if (records === 0) {
		return reachable > 0
			? `${domain} has no SRV record. Servers then try the address of the domain itself, port 5269 (RFC 6120 section 3.2.2).`
			: `${domain} has neither an SRV record nor an address: no server can find it.`;
	}
	if (reachable === 0)
		return `${domain}: no target of the SRV records has an address. Publish A or AAAA records for them.`;
	if (reachable < hosts.length) {
		return `${domain} can be found, but ${hosts.length - reachable} of ${hosts.length} targets have no address.`;
	}
	return `${domain} can be found: ${hosts.length === 1 ? "one server" : `${hosts.length} servers`}.`;
}
