import type { NodeSecrets } from "../model/federation-inputs.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import { internalService } from "./internal-service.ts";
import { linksService } from "./links-service.ts";
import { networkPolicies } from "./network-policies.ts";
import { nodeConfiguration } from "./node-configuration.ts";
import { nodeDeployment } from "./node-deployment.ts";
import { nodeSecret } from "./node-secret.ts";
import { livePolicyLists, policyLists } from "./policy-lists.ts";
import { aliasService, nodeService, publicService } from "./public-service.ts";
import { resolverObjects } from "./resolver.ts";

/**
 * Objects that a change of restarts no node: they are brought to the intent at once. Nodes come to theirs by the plan.
 */
export function sharedObjects(federation: FederationIntent) {
	const resolver = federation.resolver && resolverObjects(federation, federation.resolver);
	return {
		configMaps: [...policyLists(federation), ...(resolver ? [resolver.configuration] : [])],
		mutable: [
			...livePolicyLists(federation),
			publicService(federation),
			...federation.nodeAddresses.map((address) => nodeService(federation, address)),
			...(federation.aliases ?? []).flatMap((alias) => aliasService(federation, alias) ?? []),
			internalService(federation),
			linksService(federation),
			disruptionBudget(federation),
			...networkPolicies(federation),
			...(resolver ? [resolver.service, resolver.deployment] : []),
		],
	};
}

export type SharedObjects = ReturnType<typeof sharedObjects>;

/** Objects of one node at one revision, in the order in which they have to exist. */
export function nodeObjects(federation: FederationIntent, node: NodeIntent, secrets: NodeSecrets) {
	return {
		configuration: nodeConfiguration(federation, node),
		secret: nodeSecret(federation, node, secrets),
		deployment: nodeDeployment(federation, node),
	};
}
