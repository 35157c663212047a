import { liveRevision, nodeRevision } from "../model/revision.ts";
import { isTakingOver } from "../rollout/live.ts";
import type { Verdict } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";

/** Another federation of the same domain, as far as the operator sees them. */
export interface FederationOfDomain {
	/** `NAMESPACE/NAME` */
	readonly federation: string;
	/** Fields that differ. NotRead: it has not been looked at yet. NotAccepted: its resource cannot be used. */
	readonly differences: readonly string[] | "NotRead" | "NotAccepted";
}

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
	if (!intent) return unknown("NotAccepted", "There are no settings to compare; see the condition Accepted.");
	const differing = sameDomain.flatMap(({ federation, differences }) =>
		typeof differences === "string" || differences.length === 0 ? [] : [{ federation, differences }],
	);
	const [domain = ""] = intent.domains;
	if (differing.length > 0) {
		const list = differing.map(({ federation, differences }) => `${federation} differs in ${fieldsText(differences)}`);
		const message =
			`Peers may reach any federation of ${domain}, and these have other settings: XmppFederation ${list.join("; ")}. ` +
			"Give all the same; kubectl xmppfed diagnose shows the values.";
		return { status: "False", reason: "FederationsDiffer", message };
	}
	const behind = nodesBehind(observation);
	if (behind.length > 0) {
		const message =
			`${behind.length === 1 ? "Node" : "Nodes"} ${behind.join(", ")} ${behind.length === 1 ? "runs" : "run"} earlier ` +
			"settings; see the condition Progressing.";
		return { status: "False", reason: "NodesBehind", message };
	}
	if (sameDomain.some(({ differences }) => differences === "NotRead")) {
		return previous ?? unknown("NotCompared", `Other federations of ${domain} have not been looked at yet.`);
	}
	const unusable = sameDomain.filter(({ differences }) => differences === "NotAccepted");
	if (unusable.length > 0) {
		const names = unusable.map(({ federation }) => federation).join(", ");
		return unknown(
			"OtherNotAccepted",
			`XmppFederation ${names} of ${domain} is not accepted: mend it to compare them.`,
		);
	}
	const others = sameDomain.map(({ federation }) => federation).join(", ");
	return others === ""
		? { status: "True", reason: "OnlyFederation", message: `The operator sees no other federation of ${domain}.` }
		: { status: "True", reason: "Same", message: `XmppFederation ${others} of ${domain} has the same settings.` };
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

function unknown(reason: string, message: string): Verdict {
	return { status: "Unknown", reason, message };
}
