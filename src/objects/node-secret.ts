import { credentialNames, trustedAuthoritiesKey } from "../gateway/layout.ts";
import type { NodeSecrets } from "../model/federation-inputs.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { nodeRevision } from "../model/revision.ts";
import { revisionAnnotation } from "./annotations.ts";
import { generatedKeys } from "./generated-secrets.ts";
import { metadata } from "./metadata.ts";
import { nodeConfigurationName, revisionedLabels } from "./node-configuration.ts";

/** Same name as the revision's ConfigMap: the two are made, used and removed together. */
export const nodeSecretName = nodeConfigurationName;

/**
 * A copy of every secret that one revision of a node uses, so that a Secret that its user changes or deletes breaks
 * nothing that runs. Immutable.
 */
export function nodeSecret(federation: FederationIntent, node: NodeIntent, secrets: NodeSecrets) {
	return {
		apiVersion: "v1" as const,
		kind: "Secret" as const,
		metadata: metadata(federation, nodeSecretName(node), revisionedLabels(node), {
			[revisionAnnotation]: nodeRevision(node),
		}),
		type: "Opaque",
		immutable: true,
		data: {
			...(node.strategy === "Live" ? {} : documentedData(secrets)),
			[credentialNames.dialback]: secrets.dialback,
			[credentialNames.link]: secrets.link,
			// Not mounted: kept so that the generated Secret can be made again as it was.
			[generatedKeys.digestKey]: secrets.digestKey,
		},
	};
}

/** With the strategy Live the node's live Secret has them. */
function documentedData(secrets: NodeSecrets) {
	return {
		...certificateData(secrets),
		...(secrets.trustedCAs !== undefined && { [trustedAuthoritiesKey]: secrets.trustedCAs }),
	};
}

export function certificateData({ certificate: { certificate, key } }: NodeSecrets) {
	return { "tls.crt": certificate, "tls.key": key };
}
