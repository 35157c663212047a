/**
 * Zones that the records of an alias stand in where a DNS server has one for each level (R10): those between the federation's
 * domain and a nested alias, the outermost first. An alias right below the domain needs none: its records stand in the
 * zone of the domain. For one outside the federation's domains it is the domain above it.
 *
 * @param domains of the federation, in lower case
 */
export function aliasZones(alias: string, domains: readonly string[]): readonly string[] {
	const [base] = domains.filter((domain) => alias.endsWith(`.${domain}`)).toSorted((a, b) => b.length - a.length);
	const labels = alias.split(".");
	if (base === undefined) return labels.length > 2 ? [labels.slice(1).join(".")] : [];
	const between = labels.length - base.split(".").length - 1;
	return Array.from({ length: between }, (_, index) => labels.slice(between - index).join("."));
}
