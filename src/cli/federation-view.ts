import { z } from "zod";
import type { FederationObject } from "./federations.ts";

/**
 * What is shown of an XmppFederation. Read leniently, part by part: an operator of another version may say more, or less,
 * and what it says otherwise still has to be readable.
 */
export interface FederationView {
	readonly namespace: string;
	readonly name: string;
	readonly generation: number;
	readonly annotations: Readonly<Record<string, string>>;
	readonly spec: z.infer<typeof spec>;
	readonly status: z.infer<typeof status>;
}

const word = z.string().catch("");
const listOf = <Item extends z.ZodType>(item: Item) => z.array(item).catch([]);

const cause = z.looseObject({
	rule: word,
	reason: word,
	field: word,
	from: z.string().optional().catch(undefined),
	to: z.string().optional().catch(undefined),
	scope: word,
	nodes: listOf(z.string()),
});

const rollout = z.looseObject({
	causes: listOf(cause),
	startedAt: z.string().optional().catch(undefined),
	finishedAt: z.string().optional().catch(undefined),
	done: z.number().optional().catch(undefined),
	total: z.number().optional().catch(undefined),
});

export type RolloutView = z.infer<typeof rollout>;

const spec = z
	.looseObject({ domain: word, additionalDomains: listOf(z.string()) })
	.catch({ domain: "", additionalDomains: [] });

const status = z.looseObject({
	observedGeneration: z.number().optional().catch(undefined),
	readyNodes: word,
	enabledNodes: z.number().optional().catch(undefined),
	conditions: listOf(
		z.looseObject({ type: word, status: word, reason: word, message: word, lastTransitionTime: word }),
	),
	nodes: listOf(
		z.looseObject({
			name: word,
			federation: word,
			ready: z.boolean().catch(false),
			state: word,
			reason: word,
			message: word,
			revision: word,
		}),
	),
	emailAddresses: z
		.looseObject({ mappings: z.number(), nodesInForce: z.number().optional().catch(undefined) })
		.optional()
		.catch(undefined),
	endpoints: listOf(z.looseObject({ for: word, host: word, port: z.number().catch(0), name: word })),
	dnsRecords: listOf(
		z.looseObject({ name: word, type: word, value: word, ttl: z.number().optional().catch(undefined) }),
	),
	rollout: rollout.optional().catch(undefined),
	finishedRollouts: listOf(rollout),
});

export function viewOf(object: FederationObject): FederationView {
	const { namespace = "", name, generation = 0, annotations = {} } = object.metadata;
	return {
		namespace,
		name,
		generation,
		annotations,
		spec: spec.parse(object.spec ?? {}),
		status: status.parse(typeof object.status === "object" && object.status !== null ? object.status : {}),
	};
}
