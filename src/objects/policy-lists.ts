import type { FederationIntent } from "../model/intent.ts";
import { policyListName } from "../model/names.ts";
import { objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";

/** Key of the text. */
export const policyListKey = "list";

/**
 * The lists of exceptions of a federation's policy, which are too long for the nodes' own ConfigMaps. Immutable and named
 * by their content: a node keeps those that it was started with.
 */
export function policyLists(federation: FederationIntent) {
	return federation.policyLists.map(({ digest, text }) => ({
		apiVersion: "v1" as const,
		kind: "ConfigMap" as const,
		metadata: metadata(federation, policyListName(federation.name, digest), objectLabels(federation.name, "gateway")),
		immutable: true,
		data: { [policyListKey]: text },
	}));
}
