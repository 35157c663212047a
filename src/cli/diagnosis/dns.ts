import type { DomainCheck } from "../dns-check-domain.ts";
import type { FederationFacts } from "./facts.ts";
import { counted, nameOf } from "./names.ts";
import { type DiagnosisCheck, difference, ok, problem, unknown } from "./report.ts";

/** Whether DNS leads to every cluster, and nowhere else (R8, R14, R18). */
export function diagnoseDns(
	federations: readonly FederationFacts[],
	lookups: ReadonlyMap<string, DomainCheck>,
): readonly DiagnosisCheck[] {
	const names = new Set(
		federations.flatMap(({ view }) =>
			view.status.dnsRecords.flatMap(({ name, type }) => (type === "SRV" ? [name] : [])),
		),
	);
	const domains = new Set(federations.flatMap((facts) => facts.domains));
	const asked = [...lookups.values()].filter(({ domain, name }) => domains.has(domain) || names.has(`${name}.`));
	return [...federations.flatMap(withoutRecords), ...asked.map((lookup) => recordsOf(lookup, federations))];
}

function withoutRecords(facts: FederationFacts): readonly DiagnosisCheck[] {
	const { status } = facts.view;
	if (status.dnsRecords.some(({ type }) => type === "SRV")) return [];
	const finding = `${nameOf(facts)}: it has no record to publish, so no peer is led to it`;
	return [problem("DNS", finding, "Set spec.service.hostname, and federation: Enabled at a node.")];
}

function recordsOf(lookup: DomainCheck, federations: readonly FederationFacts[]): DiagnosisCheck {
	const { domain, name, failure, refuses, records, hosts } = lookup;
	const check = `DNS of ${domain}`;
	if (failure !== undefined)
		return unknown(check, `DNS did not answer: ${failure}`, "Ask another server: --server ADDRESS.");
	if (refuses)
		return problem(
			check,
			'the SRV record says that there is no server (target ".")',
			"Publish the records of kubectl xmppfed dns show instead.",
		);
	if (records === 0)
		return problem(check, `${name} has no SRV record`, "Publish the records that kubectl xmppfed dns show has.");
	const found = hosts.map(({ host, port, addresses }) => ({ target: `${host.toLowerCase()}:${port}`, addresses }));
	const wanted = federations.flatMap((facts) =>
		facts.view.status.dnsRecords
			.filter((record) => record.type === "SRV" && record.name === `${name}.`)
			.map(({ value }) => ({ target: targetOf(value), of: nameOf(facts) })),
	);
	const published = new Set(found.map(({ target }) => target));
	const missing = wanted.filter(({ target }) => !published.has(target));
	if (missing.length > 0) {
		const list = missing.map(({ target, of }) => `${target} of ${of}`).join(", ");
		return problem(
			check,
			`not among the records: ${list}`,
			"Publish it beside the others: kubectl xmppfed dns show has the lines.",
		);
	}
	const silent = found.filter(({ addresses }) => addresses.length === 0).map(({ target }) => target);
	if (silent.length > 0) {
		return problem(check, `no address: ${silent.join(", ")}`, "Publish A or AAAA records for these names.");
	}
	const strangers = found.filter(({ target }) => !wanted.some((record) => record.target === target));
	const list = found.map(({ target }) => {
		const owners = wanted.filter((record) => record.target === target).map(({ of }) => of);
		return `${target} of ${owners.join(" and ") || "nobody here"}`;
	});
	if (strangers.length > 0) {
		const remedy = "If they are of another cluster, name it with --context. Else take them out: peers go there.";
		return difference(check, list.join(", "), remedy);
	}
	return ok(check, `${counted(found.length, "record")}: ${list.join(", ")}`);
}

/** Of SRV data in zone file form, `PRIORITY WEIGHT PORT HOST.` */
function targetOf(value: string): string {
	const [, , port = "", host = ""] = value.split(" ");
	return `${host.replace(/\.$/, "").toLowerCase()}:${port}`;
}
