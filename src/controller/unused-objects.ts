import type { KubernetesObject } from "../kubernetes/object.ts";
import { publicDomains } from "../model/domains.ts";
import type { FederationIntent } from "../model/intent.ts";
import {
	acceptedDialbackName,
	generatedSecretName,
	linkAuthoritySecretName,
	linkCertificateSecretName,
	selfSignedSecretName,
} from "../model/names.ts";
import { emailAddressSecretNames } from "../objects/email-addresses.ts";
import type { SharedObjects } from "../objects/federation-objects.ts";
import { nodeLabel } from "../objects/labels.ts";
import { nodeConfigurationName } from "../objects/node-configuration.ts";
import { nodeLiveName } from "../objects/node-live.ts";
import { policyListSources, unusedLivePolicyLists } from "../objects/policy-lists.ts";
import type { Caches } from "./caches.ts";
import { newestRotated } from "./dialback.ts";
import type { FederationWriter } from "./federation-writer.ts";
import type { OwnedKinds } from "./owned-kinds.ts";

/**
 * Removes objects of the federation that nothing needs any more: those of a resolver that was turned off,
 * NetworkPolicies that were, files of revisions that no Deployment and no pod refers to, certificates for other domains.
 * Nodes' Deployments are left alone: the plan removes them.
 *
 * @param unusedNames of Secrets that have to go although pods refer to them
 */
export async function removeUnused(
	key: string,
	intent: FederationIntent,
	shared: SharedObjects,
	caches: Caches,
	writer: FederationWriter,
	unusedNames: readonly string[],
): Promise<void> {
	const names = new Set(
		[...shared.configMaps, ...shared.mutable].map(({ kind, metadata }) => `${kind}/${metadata.name}`),
	);
	const files = filesInUse(key, intent, caches);
	const rotated = newestRotated(key, caches, writer);
	const keptSecrets = new Set([
		...files.difference(new Set(unusedNames)),
		generatedSecretName(intent.name),
		selfSignedSecretName(intent.name, publicDomains(intent.domains, intent.aliases)),
		linkAuthoritySecretName(intent.name),
		linkCertificateSecretName(intent.name),
		acceptedDialbackName(intent.name),
		...(rotated ? [rotated.metadata.name] : []),
	]);

	const removeFrom = async <Kind extends keyof OwnedKinds>(
		kind: Kind,
		objects: readonly Parameters<OwnedKinds[Kind]["remove"]>[0][],
		isUsed: (object: KubernetesObject) => boolean,
	) => {
		for (const object of objects) if (!isUsed(object)) await writer.remove(kind, object);
	};
	const isShared = ({ kind, metadata }: KubernetesObject) => names.has(`${kind}/${metadata.name}`);
	const isNode = ({ metadata }: KubernetesObject) => metadata.labels?.[nodeLabel] !== undefined;
	await removeFrom("Service", caches.services.store.byIndex(key), isShared);
	await removeFrom("PodDisruptionBudget", caches.disruptionBudgets.store.byIndex(key), isShared);
	await removeFrom("NetworkPolicy", caches.networkPolicies.store.byIndex(key), isShared);
	await removeFrom("Deployment", caches.deployments.store.byIndex(key), (object) => isShared(object) || isNode(object));
	await removeFrom(
		"ConfigMap",
		caches.configMaps.store.byIndex(key),
		(object) => isShared(object) || files.has(object.metadata.name),
	);
	await removeFrom("Secret", caches.secrets.store.byIndex(key), ({ metadata }) => keptSecrets.has(metadata.name));
}

/** Names of the ConfigMaps and Secrets that the intent's nodes have or will have, and that Deployments and pods refer to. */
function filesInUse(key: string, intent: FederationIntent, caches: Caches): ReadonlySet<string> {
	const specs = [
		...caches.deployments.store.byIndex(key).map(({ spec }) => spec?.template.spec),
		...caches.pods.store.byIndex(key).map(({ spec }) => spec),
	];
	const referred = specs.flatMap((spec) =>
		(spec?.volumes ?? []).flatMap(({ configMap, secret, projected }) => [
			configMap?.name,
			secret?.secretName,
			...(projected?.sources ?? []).map((source) => source.configMap?.name ?? source.secret?.name),
		]),
	);
	const own = intent.nodes.flatMap((node) => [
		nodeConfigurationName(node),
		...policyListSources(node).map(({ name }) => name),
		...(node.strategy === "Live" ? [nodeLiveName(intent.name, node.name)] : []),
		...(node.emailAddresses ? emailAddressSecretNames(intent.name) : []),
	]);
	const used = new Set([...own, ...referred.filter((name) => name !== undefined)]);
	// Pods refer to as many lists as there can be, and would read what is left over with the others.
	return used.difference(new Set(unusedLivePolicyLists(intent)));
}
