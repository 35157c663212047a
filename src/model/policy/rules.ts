import { comparedDomain } from "./domain.ts";

export type Direction = "Incoming" | "Outgoing";
export type Verdict = "Allow" | "Deny";

export interface Exception {
	readonly directions: ReadonlySet<Direction>;
	/** Where it stands, for people: `spec.exceptions`, or the ConfigMap. */
	readonly source: string;
}

/**
 * What a policy says, ready to be asked. Mirrored in deploy/gateway/modules/xmppfed_policy_rules.lib.lua: both answer
 * test/resources/policy-cases.json alike.
 */
export interface PolicyRules {
	readonly default: Verdict;
	/** By domain (`example.com`) or wildcard (`*.example.com`), in the form that is compared. */
	readonly exceptions: ReadonlyMap<string, Exception>;
}

export interface Decision {
	readonly verdict: Verdict;
	/** The exception that is the most specific for the domain, if any; it need not be about the direction. */
	readonly by?: { readonly pattern: string; readonly exception: Exception };
}

/**
 * Whether the policy lets through what a domain sends, or what is sent to it. The most specific exception alone counts: a
 * domain itself, then the wildcard of it, then those of the domains above. About a direction that it does not name the
 * default holds. Takes as many look-ups as the domain has labels, however many exceptions there are.
 */
export function decide(rules: PolicyRules, domain: string, direction: Direction): Decision {
	const by = mostSpecific(rules, comparedDomain(domain));
	if (!by) return { verdict: rules.default };
	const isExcepted = by.exception.directions.has(direction);
	return { verdict: isExcepted ? opposite(rules.default) : rules.default, by };
}

export function opposite(verdict: Verdict): Verdict {
	return verdict === "Allow" ? "Deny" : "Allow";
}

function mostSpecific({ exceptions }: PolicyRules, domain: string): Decision["by"] {
	let pattern = domain;
	for (let start = 0; ; ) {
		const exception = exceptions.get(pattern);
		if (exception) return { pattern, exception };
		if (start < 0) return undefined;
		pattern = `*.${domain.slice(start)}`;
		const dot = domain.indexOf(".", start);
		start = dot < 0 ? -1 : dot + 1;
	}
}
