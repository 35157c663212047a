import { z } from "zod";
import type { PolicyIntent } from "../intent.ts";
import { type CompiledPolicy, policyOf } from "./compile.ts";

/** What the order of resources that ask for one thing goes by. */
export interface Claimant {
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string | undefined;
		/** In whole seconds, so several can have one. */
		readonly creationTimestamp?: string;
	};
}

/** Of resources that ask for one thing the one that gets it first: the oldest, then the first by name. */
export function inOrder<Resource extends Claimant>(resources: readonly Resource[]): readonly Resource[] {
	const key = ({ metadata: { creationTimestamp = "", namespace = "", name } }: Resource) =>
		`${creationTimestamp} ${name} ${namespace}`;
	return resources.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** What puts a resource before another in that order, to go on from "it is". */
export function whyFirst({ metadata: first }: Claimant, { metadata: other }: Claimant): string {
	if (first.creationTimestamp !== other.creationTimestamp) return "older";
	return `as old and comes first by ${first.name === other.name ? "namespace" : "name"}`;
}

/** What is enforced; undefined where everything is let through without being looked at. */
export type EffectivePolicy = Pick<CompiledPolicy, "intent" | "lists"> | undefined;

/** What holds where there is no FederationPolicy. */
export function withoutPolicy(defaultPolicy: "Allow" | "Deny"): EffectivePolicy {
	return defaultPolicy === "Allow" ? undefined : denyAll;
}

/** What holds for a federation that starts with a policy that cannot be used. */
export const denyAll: NonNullable<EffectivePolicy> = policyOf({ default: "Deny", exceptions: new Map() });

/** What a node was given to enforce, as its recorded intent has it. */
export type RecordedPolicy = { readonly known: true; readonly policy?: PolicyIntent } | { readonly known: false };

const recorded = z.object({
	strategy: z.string().exactOptional(),
	policy: z
		.object({
			default: z.enum(["Allow", "Deny"]),
			enforcement: z.enum(["Enforce", "Audit"]),
			exceptions: z.number(),
			lists: z.array(z.string()),
		})
		.exactOptional(),
});

/**
 * @param intent as it was recorded, of whatever version of the operator
 * @param live what the node was to take over while it ran (`liveOf`), as it was recorded: with the strategy Live the policy
 *   stands there
 */
export function recordedPolicy(intent: unknown, live?: unknown): RecordedPolicy {
	const started = recorded.safeParse(intent);
	const { data } = started.data?.strategy === "Live" ? recorded.safeParse(live) : started;
	return data ? { known: true, ...(data.policy && { policy: data.policy }) } : { known: false };
}
