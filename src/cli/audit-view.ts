import { z } from "zod";
import type { Answer } from "./pod-answer.ts";

const optional = z.string().optional().catch(undefined);

const listed = z.looseObject({
	peer: z.string(),
	incoming: z.number(),
	outgoing: z.number(),
	since: optional,
	last: optional,
});

/**
 * What a federation connection manager says of its policy (deploy/gateway/modules/mod_xmppfed_policy.lua). Read leniently: a
 * gateway of another version may say more, or less.
 */
export const auditStatus = z.looseObject({
	policy: z
		.looseObject({ enforcement: optional, since: optional, wouldDeny: z.array(listed).catch([]) })
		.optional()
		.catch(undefined),
});

export type AuditAnswer = Answer<z.infer<typeof auditStatus>>;

/** A peer that Audit lists, with what all nodes together counted. */
export interface AuditedPeer {
	readonly peer: string;
	/** Stanzas that it sent and that the policy would have denied. */
	readonly incoming: number;
	/** Those that were sent to it. */
	readonly outgoing: number;
	/** The first and the last of them, RFC 3339. */
	readonly since: string | undefined;
	readonly last: string | undefined;
	readonly nodes: readonly string[];
}

/** Of all nodes, those with the most stanzas first. */
export function auditedPeers(answers: readonly AuditAnswer[]): readonly AuditedPeer[] {
	const found = answers.flatMap((answer) =>
		"status" in answer
			? (answer.status.policy?.wouldDeny ?? []).map((entry) => ({ ...entry, node: answer.pod.node }))
			: [],
	);
	const peers = [...Map.groupBy(found, ({ peer }) => peer)].map(([peer, entries]): AuditedPeer => {
		const sum = (direction: "incoming" | "outgoing") => entries.reduce((all, entry) => all + entry[direction], 0);
		const times = (field: "since" | "last") => entries.flatMap((entry) => entry[field] ?? []).toSorted();
		return {
			peer,
			incoming: sum("incoming"),
			outgoing: sum("outgoing"),
			since: times("since")[0],
			last: times("last").at(-1),
			nodes: [...new Set(entries.map(({ node }) => node))],
		};
	});
	const total = ({ incoming, outgoing }: AuditedPeer) => incoming + outgoing;
	return peers.toSorted((a, b) => total(b) - total(a) || (a.peer < b.peer ? -1 : 1));
}
