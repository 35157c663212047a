import type { ChatNodeAliasStatus } from "../api/chat-node-alias.ts";
import { aliasAccepted } from "./alias-accepted.ts";
import type { AliasObservation } from "./alias-observation.ts";
import { aliasProgrammed } from "./alias-programmed.ts";
import { aliasZones } from "./alias-zones.ts";
import { condition } from "./condition.ts";
import { aliasDnsRecords } from "./dns-records.ts";
import { aliasEndpoints } from "./endpoints.ts";

/** The whole status of a ChatNodeAlias. Equal observations give equal statuses: no time of its own is in it. */
export function aliasStatus(
	observation: AliasObservation,
	previous: ChatNodeAliasStatus,
	now: Date,
): ChatNodeAliasStatus {
	const { generation, standing } = observation;
	const before = previous.conditions ?? [];
	return {
		observedGeneration: generation,
		conditions: [
			condition("Accepted", aliasAccepted(observation), generation, before, now),
			condition("Programmed", aliasProgrammed(observation), generation, before, now),
		],
		...(standing.kind === "Accepted" && standing.alias && published(standing.alias, standing.seen)),
	};
}

type Standing = Extract<AliasObservation["standing"], { kind: "Accepted" }>;

function published(alias: NonNullable<Standing["alias"]>, seen: Standing["seen"]) {
	return {
		dnsRecords: [...aliasDnsRecords(seen, alias)],
		zones: [...aliasZones(alias.domain, seen.intent?.domains ?? [])],
		...(alias.direct && { endpoints: [...aliasEndpoints(seen, alias)] }),
	};
}
