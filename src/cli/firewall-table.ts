import { type FirewallRules, type InboundRule, isTranslation, joined } from "./firewall-rules.ts";
import { table } from "./table.ts";

function destination({ node, alias }: InboundRule): string {
	if (alias !== undefined) return `alias ${alias}, at node ${node}`;
	return node === "all" ? "all published nodes" : `node ${node}`;
}

/** What has to be let through and translated, for people and for firewalls that no other format is for. */
export function firewallTable({ inbound, machines, notes }: FirewallRules): string {
	const rows = [
		...inbound.map((rule) => [
			"in",
			rule.from.length === 0 ? "any" : rule.from.join(", "),
			"any",
			joined(rule.outside),
			isTranslation(rule) ? joined(rule.inside) : "-",
			`peers to ${destination(rule)}`,
		]),
		...machines.map((address) => [
			"out",
			address,
			"any",
			"any:any",
			"-",
			"gateways to peers (ports by their SRV records)",
		]),
	];
	const head = ["DIRECTION", "FROM", "PORT", "TO", "TRANSLATED TO", "WHAT"];
	return [table(head, rows), ...notes.map((note) => `Note: ${note}`)].join("\n");
}
