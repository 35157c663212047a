import type { FederationAlias } from "../model/intent.ts";
import type { Problem } from "../model/problem.ts";
import type { FederationObservation } from "./federation-observation.ts";

/** Everything that the status of a ChatNodeAlias is made from. */
export interface AliasObservation {
	readonly generation: number;
	/** Name of the XmppFederation that it is for. */
	readonly federation: string;
	readonly standing:
		| { readonly kind: "FederationNotFound" }
		| { readonly kind: "Refused"; readonly problems: readonly Problem[] }
		| ({ readonly kind: "Accepted" } & AcceptedStanding);
}

export interface AcceptedStanding {
	/** What does not work however it is set. */
	readonly warnings: readonly Problem[];
	readonly seen: FederationObservation;
	/** As the federation has it; undefined while that is not accepted itself. */
	readonly alias: FederationAlias | undefined;
}
