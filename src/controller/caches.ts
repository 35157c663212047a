import type { Logger } from "pino";
import { z } from "zod";
import { chatNodeAliasResource } from "../api/chat-node-alias.ts";
import { federationPolicyResource } from "../api/federation-policy.ts";
import { xmppFederationResource } from "../api/xmpp-federation.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { describeRefusal } from "../kubernetes/errors.ts";
import { controllerOf, type KubernetesObject, type Observed, objectKey, type Resource } from "../kubernetes/object.ts";
import { Reflector, type ReflectorOptions, type ReflectorTiming } from "../kubernetes/reflector.ts";
import {
	configMaps,
	deployments,
	networkPolicies,
	podDisruptionBudgets,
	pods,
	secrets,
	services,
} from "../kubernetes/resources.ts";
import type { ChangeHandler } from "../kubernetes/store.ts";
import { domainsAskedFor } from "../model/aliases.ts";
import type { Problem } from "../model/problem.ts";
import { federationLabel, managedSelector } from "../objects/labels.ts";
import { configMapEssentials, podEssentials } from "./essentials.ts";

export interface CacheOptions {
	readonly client: KubernetesClient;
	readonly log: Logger;
	/** Undefined: all namespaces. */
	readonly namespace: string | undefined;
	/** Called with `NAMESPACE/NAME` of the federation whose objects changed. */
	readonly onChange: (federationKey: string) => void;
	/** Called when the API server begins or ends to refuse one of the lists or watches. */
	readonly onRefusal: () => void;
	readonly timing: Partial<ReflectorTiming> | undefined;
}

/** Options of a reflector of objects of ours, found by the key of their federation. */
export function ownedOptions<T extends KubernetesObject>(
	options: CacheOptions,
	resource: Resource<T>,
	keyOf: (object: Observed<T>) => string | undefined = ownerKey,
): ReflectorOptions<T> {
	return { ...indexedOptions(options, resource, keyOf), labelSelector: managedSelector };
}

function indexedOptions<T extends KubernetesObject>(
	options: CacheOptions,
	resource: Resource<T>,
	keyOf: (object: Observed<T>) => string | undefined,
): ReflectorOptions<T> {
	return {
		...commonOptions(options),
		resource,
		index: keyOf,
		onChange: tellFederations(options, keyOf),
	};
}

function tellFederations<T extends KubernetesObject>(
	{ onChange }: CacheOptions,
	keyOf: (object: Observed<T>) => string | undefined,
): ChangeHandler<T> {
	return (previous, current) => {
		const keys = new Set([previous, current].map((object) => object && keyOf(object)));
		for (const key of keys) if (key) onChange(key);
	};
}

function commonOptions({ client, log, namespace, onRefusal, timing }: CacheOptions) {
	return { client, log, onRefusal, ...(namespace !== undefined && { namespace }), ...(timing && { timing }) };
}

/**
 * What the operator knows without asking: all XmppFederations, FederationPolicies and ChatNodeAliases, and of other kinds
 * only what carries our label, so that memory does not grow with what belongs to others. Every object is found by the key of its federation.
 */
export function makeCaches(options: CacheOptions) {
	const indexed = <T extends KubernetesObject>(
		resource: Resource<T>,
		keyOf: (object: Observed<T>) => string | undefined,
	) => new Reflector<T>(indexedOptions(options, resource, keyOf));
	const owned = <T extends KubernetesObject>(
		resource: Resource<T>,
		keyOf?: (object: Observed<T>) => string | undefined,
		keep?: (object: Observed<T>) => Observed<T>,
	) => new Reflector<T>({ ...ownedOptions(options, resource, keyOf), ...(keep && { keep }) });
	const tellOwn = tellFederations<KubernetesObject>(options, referredKey);
	const aliases = new Reflector<KubernetesObject>({
		...indexedOptions<KubernetesObject>(options, chatNodeAliasResource, referredKey),
		onChange: (previous, current) => {
			tellOwn(previous, current);
			tellRivals(previous, current);
		},
	});
	/** Who has a domain decides about the aliases of that name, of whatever federation. */
	const tellRivals = (...versions: readonly (Observed | undefined)[]) => {
		const [before, after] = versions.map((object) => (object ? domainsAskedFor(object) : []));
		const changed = new Set(before).symmetricDifference(new Set(after));
		if (changed.size === 0) return;
		for (const alias of aliases.store.list()) {
			const key = domainsAskedFor(alias).some((domain) => changed.has(domain)) && referredKey(alias);
			if (key) options.onChange(key);
		}
	};
	return {
		federations: new Reflector<KubernetesObject>({
			...commonOptions(options),
			resource: xmppFederationResource,
			index: domainOf,
			onChange: (previous, current) => {
				const changed = current ?? previous;
				if (changed) options.onChange(objectKey(changed.metadata.namespace, changed.metadata.name));
				tellRivals(previous, current);
			},
		}),
		aliases,
		policies: indexed<KubernetesObject>(federationPolicyResource, referredKey),
		services: owned(services),
		configMaps: owned(configMaps, ownerKey, configMapEssentials),
		secrets: owned(secrets),
		deployments: owned(deployments),
		disruptionBudgets: owned(podDisruptionBudgets),
		networkPolicies: owned(networkPolicies),
		// Pods belong to ReplicaSets; the label leads to their federation.
		pods: owned(pods, labelledKey, podEssentials),
	};
}

export type Caches = ReturnType<typeof makeCaches>;

/**
 * Kinds that federations are carried out without, as far as that goes: an object that no cache shows is found when it is
 * made. Without the others an operator would take what runs for missing.
 */
const dispensable: readonly (keyof Caches)[] = ["services", "disruptionBudgets", "networkPolicies"];

/** What the API server refuses to show, as obstacles, and whether any federation can be carried out without it. */
export function refusedCaches(caches: Caches): { readonly obstacles: readonly Problem[]; readonly blocking: boolean } {
	const obstacles: Problem[] = [];
	let blocking = false;
	for (const [name, { refusal }] of Object.entries(caches)) {
		if (!refusal) continue;
		blocking ||= !dispensable.some((kind) => kind === name);
		const message = `The operator cannot see what there is: ${describeRefusal(refusal)} (${refusal.message}).`;
		obstacles.push({ reason: "Forbidden", field: "", message });
	}
	return { obstacles, blocking };
}

/** `spec.domain` of an XmppFederation, in lower case; undefined where it cannot be read. */
export function domainOf(federation: KubernetesObject): string | undefined {
	return domainsAskedFor(federation)[0];
}

/** Key of the XmppFederation that controls the object. */
function ownerKey(object: KubernetesObject): string | undefined {
	const owner = controllerOf(object);
	return owner?.kind === xmppFederationResource.kind ? objectKey(object.metadata.namespace, owner.name) : undefined;
}

function labelledKey({ metadata }: KubernetesObject): string | undefined {
	const name = metadata.labels?.[federationLabel];
	return name === undefined ? undefined : objectKey(metadata.namespace, name);
}

const withFederationRef = z.looseObject({
	spec: z.looseObject({ federationRef: z.looseObject({ name: z.string() }) }),
});

/** Key of the XmppFederation that a resource of another kind is for. */
function referredKey(object: KubernetesObject): string | undefined {
	const parsed = withFederationRef.safeParse(object);
	return parsed.success ? objectKey(object.metadata.namespace, parsed.data.spec.federationRef.name) : undefined;
}
