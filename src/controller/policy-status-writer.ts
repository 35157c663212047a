import type { Logger } from "pino";
import { federationPolicyResource, federationPolicyStatus } from "../api/federation-policy.ts";
import { keyOf, type Observed } from "../kubernetes/object.ts";
import { whyFirst } from "../model/policy/in-force.ts";
import type { PolicyNode } from "../status/policy-observation.ts";
import { policyStatus } from "../status/policy-status.ts";
import type { Policies, PolicyInForce } from "./policies.ts";
import { type StatusTarget, writeStatus } from "./write-status.ts";

/** Says in every policy of a federation how it stands. */
export class PolicyStatusWriter {
	readonly #policies: Policies;
	readonly #target: Omit<StatusTarget, "resource">;
	readonly #now: () => Date;

	constructor(policies: Policies, target: Omit<StatusTarget, "resource">, now: () => Date) {
		this.#policies = policies;
		this.#target = target;
		this.#now = now;
	}

	/** @param nodes undefined while it is not known what the federation should be */
	async write(
		federationKey: string,
		inForce: PolicyInForce,
		nodes: readonly PolicyNode[] | undefined,
		log: Logger,
		signal: AbortSignal,
	): Promise<void> {
		const { object: first, problems, effective } = inForce;
		for (const policy of this.#policies.of(federationKey)) {
			const standing =
				policy.metadata.name === first.metadata.name
					? ({ kind: "InForce", problems, effective, nodes } as const)
					: ({ kind: "Conflicted", inForce: first.metadata.name, why: whyFirst(first, policy) } as const);
			await this.#write(federationKey, policy, standing, log, signal);
		}
	}

	/** There is no such federation. */
	async writeNotFound(federationKey: string, log: Logger, signal: AbortSignal): Promise<void> {
		for (const policy of this.#policies.of(federationKey)) {
			await this.#write(federationKey, policy, { kind: "FederationNotFound" }, log, signal);
		}
	}

	async #write(
		federationKey: string,
		policy: Observed,
		standing: Parameters<typeof policyStatus>[0]["standing"],
		log: Logger,
		signal: AbortSignal,
	): Promise<void> {
		const [, federation = ""] = federationKey.split("/");
		// Not the caller's object: an earlier write of the same reconcile may have changed it.
		const now = this.#target.store.get(keyOf(policy)) ?? policy;
		const previous = federationPolicyStatus.safeParse("status" in now ? now.status : undefined).data ?? {};
		const { generation = 0 } = policy.metadata;
		const status = policyStatus({ generation, federation, standing }, previous, this.#now());
		const target = { ...this.#target, resource: federationPolicyResource };
		await writeStatus(target, policy, status, previous, log.child({ policy: policy.metadata.name }), signal);
	}
}
