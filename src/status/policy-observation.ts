import type { EffectivePolicy } from "../model/policy/in-force.ts";
import type { Problem } from "../model/problem.ts";

/** Everything that the status of a FederationPolicy is made from. */
export interface PolicyObservation {
	readonly generation: number;
	/** Name of the XmppFederation that it is for. */
	readonly federation: string;
	readonly standing:
		| { readonly kind: "FederationNotFound" }
		/** Another one of the federation comes before it; `why` goes on from "it is". */
		| { readonly kind: "Conflicted"; readonly inForce: string; readonly why: string }
		| ({ readonly kind: "InForce" } & PolicyInForce);
}

export interface PolicyInForce {
	/** What is wrong with it; what holds then is the last good one, or of a new federation that all is denied. */
	readonly problems: readonly Problem[];
	readonly effective: EffectivePolicy;
	/** The nodes that the federation should have; undefined where that is not known, as it is not accepted. */
	readonly nodes: readonly PolicyNode[] | undefined;
}

export interface PolicyNode {
	readonly name: string;
	/**
	 * Pending: it has another policy, or none. Paused: so it is, and stays until roll-outs go on. Unknown: its federation
	 * connection manager did not say what it enforces.
	 */
	readonly state: "Enforcing" | "Pending" | "Paused" | "Unknown";
	/** Why it does not use the policy that it was given. */
	readonly failure?: string;
}
