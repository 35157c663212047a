import { nodeRevision } from "../model/revision.ts";
import type { FederationObservation } from "./federation-observation.ts";
import type { PolicyNode } from "./policy-observation.ts";

/** How far each node of a federation is with its policy; undefined while it is not known what the federation should be. */
export function policyNodes({ intent, nodes }: FederationObservation): readonly PolicyNode[] | undefined {
	return intent?.nodes.map((node): PolicyNode => {
		const live = nodes.find(({ name }) => name === node.name);
		// While an old pod drains, it still does what it was told.
		const isCurrent = live?.ready && !live.moving && live.revision === nodeRevision(node);
		return { name: node.name, state: isCurrent ? "Enforcing" : "Pending" };
	});
}
