/** Objects of the Kubernetes API as the JSON that is on the wire. They are read-only: caches hand out what they hold. */

export interface OwnerReference {
	readonly apiVersion: string;
	readonly kind: string;
	readonly name: string;
	readonly uid: string;
	readonly controller?: boolean;
	readonly blockOwnerDeletion?: boolean;
}

/** `metadata` without managedFields, which nothing here reads. Timestamps are RFC 3339 texts. */
export interface ObjectMeta {
	readonly name: string;
	/** Absent on objects of cluster-wide kinds only. */
	readonly namespace?: string;
	readonly labels?: Readonly<Record<string, string>>;
	readonly annotations?: Readonly<Record<string, string>>;
	readonly ownerReferences?: readonly OwnerReference[];
	readonly finalizers?: readonly string[];
	readonly uid?: string;
	readonly resourceVersion?: string;
	readonly generation?: number;
	readonly creationTimestamp?: string;
	readonly deletionTimestamp?: string;
}

export interface KubernetesObject {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: ObjectMeta;
}

/** What the API server always sets. */
export interface ObservedMeta extends ObjectMeta {
	readonly uid: string;
	readonly resourceVersion: string;
	readonly creationTimestamp: string;
}

/** An object as the API server returned it. */
export type Observed<T extends KubernetesObject = KubernetesObject> = T & { readonly metadata: ObservedMeta };

/** What the API server calls objects of one kind, and the type that they have here. */
export interface Resource<T extends KubernetesObject = KubernetesObject> {
	/** `GROUP/VERSION`, or `v1`. */
	readonly apiVersion: string;
	readonly kind: string;
	/** Lower-case plural, as it stands in URLs. */
	readonly plural: string;
	readonly namespaced: boolean;
	/** Carries the type; never set. */
	readonly type?: T;
}

/** `NAMESPACE/NAME`, or `NAME` for cluster-wide kinds: unique among the objects of one kind. */
export function objectKey(namespace: string | undefined, name: string): string {
	return namespace === undefined ? name : `${namespace}/${name}`;
}

/** {@link objectKey} of an object. */
export function keyOf(object: { readonly metadata: Pick<ObjectMeta, "namespace" | "name"> }): string {
	return objectKey(object.metadata.namespace, object.metadata.name);
}

/** The owner that manages the object, if any: the API server allows one at most. */
export function controllerOf(object: { readonly metadata: ObjectMeta }): OwnerReference | undefined {
	return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** API path of a kind, an object of it or its subresource: `/apis/apps/v1/namespaces/NS/deployments/NAME/status`. */
export function resourcePath(
	resource: Resource,
	namespace: string | undefined,
	name?: string,
	subresource?: string,
): string {
	const group = resource.apiVersion.includes("/") ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;
	const parts = [
		...(resource.namespaced && namespace !== undefined ? ["namespaces", namespace] : []),
		resource.plural,
		...(name === undefined ? [] : [name]),
		...(subresource === undefined ? [] : [subresource]),
	];
	return [group, ...parts.map(encodeURIComponent)].join("/");
}

/**
 * Whether resource version `a` is newer than `b`, both of objects of one kind. They are decimal numbers that grow
 * (Kubernetes 1.35 and later promise it, etcd-backed servers always did); anything else counts as newer, so that an
 * observation is never dropped by mistake.
 */
export function isNewer(a: string, b: string): boolean {
	if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return a !== b;
	return BigInt(a) > BigInt(b);
}

/**
 * An object out of a body of the API server. Items of a list have neither apiVersion nor kind; managedFields are as long
 * as the rest and hardly anything reads them. Copied without them: an object that a field is deleted from takes several
 * times its memory.
 */
export function observed<T extends KubernetesObject>(
	resource: Resource<T>,
	body: unknown,
	keepManagedFields = false,
): Observed<T> {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the API server's word for it
	const object = body as Observed<T> & { readonly metadata: { readonly managedFields?: unknown } };
	const { apiVersion, kind } = resource;
	if (keepManagedFields || !("managedFields" in object.metadata)) return { ...object, apiVersion, kind };
	const { managedFields: _managedFields, ...metadata } = object.metadata;
	return { ...object, apiVersion, kind, metadata };
}
