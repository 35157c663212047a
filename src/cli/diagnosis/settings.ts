import { type SettingDifference, type SharedSettings, settingDifferences } from "../../model/shared-settings.ts";
import type { FederationFacts } from "./facts.ts";
import { counted, nameOf } from "./names.ts";
import { type DiagnosisCheck, difference, ok, problem, unknown } from "./report.ts";

/** What a setting is a part of, by how its field begins; the first that fits. */
const parts = [
	["Dialback secret", "spec.security.dialback.secretRef"],
	["Trusted authorities", "spec.security.trustedCAs"],
	["Security", "spec.security."],
	["Security of single peers", "spec.peers["],
	["Policy", "FederationPolicy "],
	["Aliases", "ChatNodeAlias "],
	["Limits", "spec.limits."],
	["Email addresses", "spec.emailAddresses"],
	["Domains", "spec."],
] as const;

type Part = (typeof parts)[number][0];

const remedies: Readonly<Record<Part, string>> = {
	"Dialback secret":
		"Peers ask any of the clusters to confirm what another has signed. Put one secret into a Secret of each namespace and name it in spec.security.dialback.secretRef.",
	"Trusted authorities": "Give all of them the same authorities: a peer that one verifies is refused by another.",
	Security: "Give all of them the same: peers reach any, so the loosest decides.",
	"Security of single peers": "Give all of them the same entries in spec.peers.",
	Policy: "Apply the same FederationPolicy everywhere: what one denies comes in through another.",
	Aliases:
		"If the rooms are in one cluster only, this is right as long as the alias's SRV record leads there alone. Else make the ChatNodeAlias in the others too.",
	Limits: "Give all of them the same limits, or know why not.",
	"Email addresses": "Give all of them the same: users would be known by other addresses, depending on the cluster.",
	Domains: "Give all of them the same domains: a domain that one lacks is refused there.",
};

/** Settings that must be the same in all federations of a domain (R14), part by part. */
export function diagnoseSettings(federations: readonly FederationFacts[]): readonly DiagnosisCheck[] {
	const unreadable = federations.flatMap((facts) => [
		...("problem" in facts.settings
			? [unknown("Settings", `${nameOf(facts)}: ${facts.settings.problem}`, "Mend it to have its settings compared.")]
			: []),
		...facts.unread.map((why) => unknown("Settings", `${nameOf(facts)}: ${why}`)),
	]);
	const readable = federations.flatMap((facts): Readable[] =>
		"value" in facts.settings ? [{ facts, settings: facts.settings.value }] : [],
	);
	const [first, ...others] = readable;
	if (!first) return unreadable;
	if (others.length === 0) {
		return federations.length === 1
			? [...unreadable, ok("Settings", `${nameOf(first.facts)} is the only federation of the domain that is looked at`)]
			: unreadable;
	}
	const found = others.map((other) => ({ other, differences: settingDifferences(first.settings, other.settings) }));
	const compared = parts.flatMap(([part]) => {
		const fields = found.flatMap(({ differences }) => differences.filter(({ field }) => partOf(field) === part));
		if (fields.length === 0)
			return isKnown(part, readable) ? [ok(part, `the same in ${counted(readable.length, "federation")}`)] : [];
		const names = [...new Set(fields.map(({ field }) => field))];
		const finding = names.map((field) => valuesText(field, first, found)).join("; ");
		// It is no matter of taste: dialback fails.
		const tell = part === "Dialback secret" ? problem : difference;
		return [tell(part, finding, remedies[part])];
	});
	return [...compared, ...unreadable];
}

interface Readable {
	readonly facts: FederationFacts;
	readonly settings: SharedSettings;
}

interface Compared {
	readonly other: Readable;
	readonly differences: readonly SettingDifference[];
}

function partOf(field: string): Part {
	return parts.find(([, start]) => field.startsWith(start))?.[0] ?? "Domains";
}

/** That two secrets are the same is known only where both could be read. */
function isKnown(part: Part, readable: readonly Readable[]): boolean {
	const digests = readable.map(({ settings }) => settings.digests);
	if (part === "Dialback secret") return digests.every(({ dialback }) => dialback !== undefined);
	return part !== "Trusted authorities" || digests.every(({ authorities }) => authorities !== undefined);
}

/** The field with what each federation has there. Those that have what the first one has are not told from it. */
function valuesText(field: string, first: Readable, found: readonly Compared[]): string {
	const told = found.flatMap(({ other, differences }) => {
		const differing = differences.find((one) => one.field === field);
		return differing ? [{ name: nameOf(other.facts), values: differing.values }] : [];
	});
	const own = told[0]?.values?.[0];
	if (own === undefined)
		return `${field} of ${nameOf(first.facts)} is not that of ${told.map(({ name }) => name).join(", ")}`;
	return `${field} is ${[`${own} in ${nameOf(first.facts)}`, ...told.map(({ name, values }) => `${values?.[1]} in ${name}`)].join(", ")}`;
}
