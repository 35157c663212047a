import type {
	EventsV1Event,
	V1ConfigMap,
	V1Deployment,
	V1Lease,
	V1Namespace,
	V1NetworkPolicy,
	V1Pod,
	V1PodDisruptionBudget,
	V1Secret,
	V1Service,
} from "@kubernetes/client-node";
import type { KubernetesObject, Resource } from "./object.ts";

/**
 * A type of client-node as the JSON that is on the wire: dates are texts, names that TypeScript reserves lose the
 * underscore that client-node gives them, everything is read-only.
 */
export type Wire<T> = T extends Date
	? string
	: T extends readonly (infer Item)[]
		? readonly Wire<Item>[]
		: T extends object
			? { readonly [Key in keyof T as Key extends `_${infer Reserved}` ? Reserved : Key]: Wire<T[Key]> }
			: T;

/** A type of client-node as {@link KubernetesObject}. */
export type WireObject<T> = KubernetesObject & Omit<Wire<T>, "apiVersion" | "kind" | "metadata">;

export type ConfigMap = WireObject<V1ConfigMap>;
export type Deployment = WireObject<V1Deployment>;
export type Event = WireObject<EventsV1Event>;
export type Lease = WireObject<V1Lease>;
export type Namespace = WireObject<V1Namespace>;
export type NetworkPolicy = WireObject<V1NetworkPolicy>;
export type Pod = WireObject<V1Pod>;
export type PodDisruptionBudget = WireObject<V1PodDisruptionBudget>;
export type Secret = WireObject<V1Secret>;
export type Service = WireObject<V1Service>;

/** Of cert-manager, as far as it is written and read here. */
export interface Certificate extends KubernetesObject {
	readonly spec: {
		readonly secretName: string;
		readonly dnsNames: readonly string[];
		readonly usages: readonly string[];
		readonly privateKey: { readonly algorithm: string; readonly size: number; readonly rotationPolicy: string };
		readonly issuerRef: { readonly name: string; readonly kind: string; readonly group: string };
	};
	readonly status?: {
		readonly conditions?: readonly {
			readonly type: string;
			readonly status: string;
			readonly reason?: string;
			readonly message?: string;
			readonly observedGeneration?: number;
		}[];
	};
}

/** Of external-dns: the records that it publishes. */
export interface DnsEndpoint extends KubernetesObject {
	readonly spec: {
		readonly endpoints: readonly {
			/** Without a dot at its end. */
			readonly dnsName: string;
			readonly recordType: string;
			/** Seconds. */
			readonly recordTTL: number;
			/** Data in zone file form. */
			readonly targets: readonly string[];
		}[];
	};
}

export const certificates: Resource<Certificate> = {
	apiVersion: "cert-manager.io/v1",
	kind: "Certificate",
	plural: "certificates",
	namespaced: true,
};
export const configMaps: Resource<ConfigMap> = {
	apiVersion: "v1",
	kind: "ConfigMap",
	plural: "configmaps",
	namespaced: true,
};
export const dnsEndpoints: Resource<DnsEndpoint> = {
	apiVersion: "externaldns.k8s.io/v1alpha1",
	kind: "DNSEndpoint",
	plural: "dnsendpoints",
	namespaced: true,
};
export const deployments: Resource<Deployment> = {
	apiVersion: "apps/v1",
	kind: "Deployment",
	plural: "deployments",
	namespaced: true,
};
export const events: Resource<Event> = {
	apiVersion: "events.k8s.io/v1",
	kind: "Event",
	plural: "events",
	namespaced: true,
};
export const leases: Resource<Lease> = {
	apiVersion: "coordination.k8s.io/v1",
	kind: "Lease",
	plural: "leases",
	namespaced: true,
};
export const namespaces: Resource<Namespace> = {
	apiVersion: "v1",
	kind: "Namespace",
	plural: "namespaces",
	namespaced: false,
};
export const networkPolicies: Resource<NetworkPolicy> = {
	apiVersion: "networking.k8s.io/v1",
	kind: "NetworkPolicy",
	plural: "networkpolicies",
	namespaced: true,
};
export const pods: Resource<Pod> = { apiVersion: "v1", kind: "Pod", plural: "pods", namespaced: true };
export const podDisruptionBudgets: Resource<PodDisruptionBudget> = {
	apiVersion: "policy/v1",
	kind: "PodDisruptionBudget",
	plural: "poddisruptionbudgets",
	namespaced: true,
};
export const secrets: Resource<Secret> = { apiVersion: "v1", kind: "Secret", plural: "secrets", namespaced: true };
export const services: Resource<Service> = { apiVersion: "v1", kind: "Service", plural: "services", namespaced: true };
