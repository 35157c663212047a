import { liveRevision, nodeRevision } from "../model/revision.ts";
import { isTakingOver } from "../rollout/live.ts";
import { type Reasons, type Verdict, verdicts } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";

/** Another federation of the same domain, as far as the operator sees them. */
export interface FederationOfDomain {
	/** `NAMESPACE/NAME` */
	readonly federation: string;
	/** Fields that differ. NotRead: it has not been looked at yet. NotAccepted: its resource cannot be used. */
	readonly differences: readonly string[] | "NotRead" | "NotAccepted";
}

export const settingsConsistentReasons = {
	OnlyFederation: "True",
	Same: "True",
	FederationsDiffer: "False",
	NodesBehind: "False",
	OtherNotAccepted: "Unknown",
	NotCompared: "Unknown",
	NotAccepted: "Unknown",
} as const satisfies Reasons;

const verdict = verdicts(settingsConsistentReasons);

/** Fields that are named of each federation at most. */
const mostFields = 12;

/**
 * SettingsConsistent (R14): the nodes of this federation run the same settings, and so do the other federations of its
 * domain that the operator sees.
 *
 * @param previous stands while others have not been looked at, as after a start of the operator
 */
export function settingsConsistent(observation: FederationObservation, previous?: Verdict): Verdict {
	const { intent, sameDomain } = observation;
	if (!intent) return verdict("NotAccepted", "There are no settings to compare; see the condition Accepted.");
	const differing = sameDomain.flatMap(({ federation, differences }) =>
		typeof differences === "string" || differences.length === 0 ? [] : [{ federation, differences }],
	);
	const [domain = ""] = intent.domains;
	if (differing.length > 0) {
		const list = differing.map(({ federation, differences }) => `${federation} differs in ${fieldsText(differences)}`);
		const message =
			`Peers may reach any federation of ${domain}, and these have other settings: XmppFederation ${list.join("; ")}. ` +
			"Give all the same; kubectl xmppfed diagnose shows the values.";
		return verdict("FederationsDiffer", message);
	}
	const behind = nodesBehind(observation);
	if (behind.length > 0) {
		const message =
			`${behind.length === 1 ? "Node" : "Nodes"} ${behind.join(", ")} ${behind.length === 1 ? "runs" : "run"} earlier ` +
			"settings; see the condition Progressing.";
		return verdict("NodesBehind", message);
	}
	if (sameDomain.some(({ differences }) => differences === "NotRead")) {
		return previous ?? verdict("NotCompared", `Other federations of ${domain} have not been looked at yet.`);
	}
	const unusable = sameDomain.filter(({ differences }) => differences === "NotAccepted");
	if (unusable.length > 0) {
		const names = unusable.map(({ federation }) => federation).join(", ");
		return verdict(
			"OtherNotAccepted",
			`XmppFederation ${names} of ${domain} is not accepted: mend it to compare them.`,
		);
	}
	const others = sameDomain.map(({ federation }) => federation).join(", ");
	return others === ""
		? verdict("OnlyFederation", `The operator sees no other federation of ${domain}.`)
		: verdict("Same", `XmppFederation ${others} of ${domain} has the same settings.`);
}

function fieldsText(differences: readonly string[]): string {
	const more = differences.length - mostFields;
	return `${differences.slice(0, mostFields).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Nodes that are made for the first time run nothing yet. */
function nodesBehind({ intent, nodes }: FederationObservation): readonly string[] {
	const wanted = new Map(intent?.nodes.map((node) => [node.name, node]));
	return nodes.flatMap((observed) => {
		const node = wanted.get(observed.name);
		if (!node) return [];
		const isGiven = observed.revision === nodeRevision(node) && observed.live === liveRevision(node);
		// Nobody has been asked yet after a start of the operator: that says nothing.
		const isTaken = !isTakingOver(observed) || observed.takeOver?.state === "Unasked";
		return isGiven && isTaken ? [] : [observed.name];
	});
}
