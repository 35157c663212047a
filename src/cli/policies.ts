import { type FederationPolicySpec, federationPolicyResource } from "../api/federation-policy.ts";
import { parseFederationPolicy } from "../api/parse.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../kubernetes/object.ts";
import { configMaps } from "../kubernetes/resources.ts";
import { type Compilation, compilePolicy, type ListSource } from "../model/policy/compile.ts";
import { applied } from "./applied.ts";
import { Failure } from "./failure.ts";

/** A FederationPolicy of the cluster or of a file. */
export type PolicyObject = KubernetesObject;
/** A ConfigMap as somebody wrote it. */
export type ListObject = KubernetesObject & ListSource;

/** Policies and lists of files, which take the place of those of the same name in the cluster. */
export interface PolicyFiles {
	readonly policies: readonly PolicyObject[];
	readonly configMaps: readonly ListObject[];
}

export const noFiles: PolicyFiles = { policies: [], configMaps: [] };

/** A policy and what it comes to. */
export interface ReadPolicy {
	readonly name: string;
	readonly spec: FederationPolicySpec;
	readonly compilation: Compilation;
}

const policies: Resource = federationPolicyResource;

/** The policy of a federation that is in force, or would be with these files; undefined where it has none. */
export async function policyInForce(
	client: KubernetesClient,
	namespace: string,
	federation: string,
	files: PolicyFiles = noFiles,
): Promise<ReadPolicy | undefined> {
	const { items } = await client.list(policies, { namespace });
	const [first] = applied(namespace, items, files.policies).filter((object) => federationOf(object) === federation);
	const list = async (name: string) => await client.get(configMaps, namespace, name);
	return first && (await readPolicy(first, files.configMaps, list));
}

/**
 * What a policy comes to.
 *
 * @param files ConfigMaps that count before those of the cluster
 * @param list gives one of the cluster, undefined where it has none of that name
 */
export async function readPolicy(
	object: PolicyObject,
	files: readonly ListObject[],
	list: (name: string) => Promise<ListSource | undefined>,
): Promise<ReadPolicy> {
	const { name } = object.metadata;
	const parsed = parseFederationPolicy(object);
	if (!parsed.ok) {
		const lines = parsed.errors.map(({ field, message }) => `  ${field}: ${message}`);
		throw new Failure(`FederationPolicy ${name} is not valid:\n${lines.join("\n")}`);
	}
	const { spec } = parsed.value;
	const lists = new Map<string, ListSource>();
	for (const { configMapRef } of spec.exceptionsFrom ?? []) {
		const file = files.find(({ metadata }) => metadata.name === configMapRef.name);
		const found = file ?? (await list(configMapRef.name));
		if (found) lists.set(configMapRef.name, found);
	}
	return { name, spec, compilation: compilePolicy(spec, lists) };
}

/** The name of the XmppFederation that a policy is for; undefined where it is not valid. */
export function federationOf(object: PolicyObject): string | undefined {
	const parsed = parseFederationPolicy(object);
	return parsed.ok ? parsed.value.spec.federationRef.name : undefined;
}
