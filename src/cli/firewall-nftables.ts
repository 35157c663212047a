import { isIPv6 } from "node:net";
import { type FirewallRules, type InboundRule, isTranslation, joined } from "./firewall-rules.ts";

/**
 * A table of nftables for a machine that forwards between the internet and the cluster (R12). It is about the federation's
 * addresses and ports alone, and leaves everything else to other tables.
 */
export function nftablesConfiguration({ namespace, federation, inbound, machines, notes }: FirewallRules): string {
	const name = `xmppfed_${namespace}_${federation}`.replaceAll("-", "_");
	const translated = inbound.filter(isTranslation);
	return [
		`# Federation ${namespace}/${federation}. Load it with: nft -f FILE`,
		"# A chain elsewhere that drops what it does not know needs the lines of the chain federation as well: accept holds in",
		"# the table where it stands only.",
		...notes.map((note) => `# Note: ${note}`),
		`table inet ${name}`,
		`delete table inet ${name}`,
		`table inet ${name} {`,
		...(translated.length === 0
			? []
			: [
					"\tchain translate {",
					"\t\ttype nat hook prerouting priority dstnat; policy accept;",
					...translated.map(
						({ inside, outside }) =>
							`\t\t${family(outside)} daddr ${outside.address} tcp dport ${outside.port} dnat ${family(inside)} to ${joined(inside)}`,
					),
					"\t}",
					"",
				]),
		"\tchain federation {",
		"\t\ttype filter hook forward priority filter; policy accept;",
		"\t\tct state established,related accept",
		...inbound.flatMap((rule) => {
			const to = `${family(rule.inside)} daddr ${rule.inside.address} tcp dport ${rule.inside.port}`;
			const source = sources(rule);
			const accept = `\t\t${source}${to} accept comment "peers to ${rule.alias ?? rule.node}"`;
			return source === "" ? [accept] : [accept, `\t\t${to} drop`];
		}),
		...machines.map(
			(address) => `\t\t${family({ address })} saddr ${address} meta l4proto tcp accept comment "gateways to peers"`,
		),
		"\t}",
		"}",
	].join("\n");
}

function family({ address }: { readonly address: string }): "ip" | "ip6" {
	return isIPv6(address) ? "ip6" : "ip";
}

function sources({ inside, from }: InboundRule): string {
	return from.length === 0 || from.some((range) => range.endsWith("/0"))
		? ""
		: `${family(inside)} saddr { ${from.join(", ")} } `;
}
