import type { FederationIntent } from "../model/intent.ts";
import { disruptionBudgetName } from "../model/names.ts";
import { enabledSelector, objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";

/**
 * Draining Kubernetes nodes takes one Enabled node at a time. An unhealthy pod may always be evicted: a broken node must
 * not hold up a drain.
 */
export function disruptionBudget(federation: FederationIntent) {
	return {
		apiVersion: "policy/v1" as const,
		kind: "PodDisruptionBudget" as const,
		metadata: metadata(federation, disruptionBudgetName(federation.name), objectLabels(federation.name)),
		spec: {
			maxUnavailable: 1,
			selector: { matchLabels: enabledSelector(federation.name) },
			unhealthyPodEvictionPolicy: "AlwaysAllow",
		},
	};
}
