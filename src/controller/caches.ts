import type { Logger } from "pino";
import { xmppFederationResource } from "../api/xmpp-federation.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { controllerOf, type KubernetesObject, type Observed, objectKey, type Resource } from "../kubernetes/object.ts";
import { Reflector } from "../kubernetes/reflector.ts";
import {
	configMaps,
	deployments,
	networkPolicies,
	podDisruptionBudgets,
	pods,
	secrets,
	services,
} from "../kubernetes/resources.ts";
import { federationLabel, managedSelector } from "../objects/labels.ts";

export interface CacheOptions {
	readonly client: KubernetesClient;
	readonly log: Logger;
	/** Undefined: all namespaces. */
	readonly namespace: string | undefined;
	/** Called with `NAMESPACE/NAME` of the federation whose objects changed. */
	readonly onChange: (federationKey: string) => void;
}

/**
 * What the operator knows without asking: all XmppFederations, and of other kinds only what carries our label, so that
 * memory does not grow with what belongs to others. Every owned object is found by the key of its federation.
 */
export function makeCaches({ client, log, namespace, onChange }: CacheOptions) {
	const common = { client, log, ...(namespace !== undefined && { namespace }) };
	const owned = <T extends KubernetesObject>(
		resource: Resource<T>,
		keyOf: (object: Observed<T>) => string | undefined = ownerKey,
	) =>
		new Reflector<T>({
			...common,
			resource,
			labelSelector: managedSelector,
			index: keyOf,
			onChange: (previous, current) => {
				for (const key of new Set([previous, current].map((object) => object && keyOf(object)))) if (key) onChange(key);
			},
		});
	return {
		federations: new Reflector<KubernetesObject>({
			...common,
			resource: xmppFederationResource,
			onChange: (previous, current) => {
				const changed = current ?? previous;
				if (changed) onChange(objectKey(changed.metadata.namespace, changed.metadata.name));
			},
		}),
		services: owned(services),
		configMaps: owned(configMaps),
		secrets: owned(secrets),
		deployments: owned(deployments),
		disruptionBudgets: owned(podDisruptionBudgets),
		networkPolicies: owned(networkPolicies),
		// Pods belong to ReplicaSets; the label leads to their federation.
		pods: owned(pods, labelledKey),
	};
}

export type Caches = ReturnType<typeof makeCaches>;

/** Key of the XmppFederation that controls the object. */
function ownerKey(object: KubernetesObject): string | undefined {
	const owner = controllerOf(object);
	return owner?.kind === xmppFederationResource.kind ? objectKey(object.metadata.namespace, owner.name) : undefined;
}

function labelledKey({ metadata }: KubernetesObject): string | undefined {
	const name = metadata.labels?.[federationLabel];
	return name === undefined ? undefined : objectKey(metadata.namespace, name);
}
