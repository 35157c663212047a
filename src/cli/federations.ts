import { z } from "zod";
import { xmppFederationResource } from "../api/xmpp-federation.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { KubernetesObject, Observed, Resource } from "../kubernetes/object.ts";
import { Failure } from "./failure.ts";

/** An XmppFederation as it is in the cluster, of whatever version of the operator. */
export interface FederationObject extends KubernetesObject {
	readonly spec?: unknown;
	readonly status?: unknown;
}

export const federations: Resource<FederationObject> = xmppFederationResource;

/** The XmppFederation of that name with its managedFields; says which there are where it is none. */
export async function federationNamed(
	client: KubernetesClient,
	namespace: string,
	name: string,
): Promise<Observed<FederationObject>> {
	const found = await client.get(federations, namespace, name, { managedFields: true });
	if (found) return found;
	throw new Failure(
		`there is no XmppFederation ${JSON.stringify(name)} in namespace ${namespace}\n${await others(client, namespace)}`,
	);
}

/** The federation of that name, or all of the namespace, or of all namespaces. */
export async function federationsIn(
	client: KubernetesClient,
	namespace: string | undefined,
	name?: string,
): Promise<readonly Observed<FederationObject>[]> {
	if (name !== undefined && namespace !== undefined) return [await federationNamed(client, namespace, name)];
	return (await client.list(federations, { namespace })).items;
}

/** The federation of that name; where none is named, the only one of the namespace. */
export async function chosenFederation(
	client: KubernetesClient,
	namespace: string,
	name: string | undefined,
): Promise<Observed<FederationObject>> {
	if (name !== undefined) return await federationNamed(client, namespace, name);
	const { items } = await client.list(federations, { namespace });
	const [only] = items;
	if (only && items.length === 1) return only;
	const names = items.map(({ metadata }) => metadata.name).join(", ");
	throw new Failure(
		only
			? `namespace ${namespace} has several federations: name one of ${names}`
			: `there is no XmppFederation in namespace ${namespace}\n-n names another namespace; kubectl get xmppfederations -A shows all.`,
	);
}

async function others(client: KubernetesClient, namespace: string): Promise<string> {
	try {
		const { items } = await client.list(federations, { namespace });
		const names = items.map(({ metadata }) => metadata.name).join(", ");
		if (names !== "") return `There are: ${names}`;
	} catch {
		// Who may read one need not be allowed to list them.
		return "See: kubectl get xmppfederations";
	}
	return "There is none there. -n names another namespace; kubectl get xmppfederations -A shows all.";
}

const namedNodes = z.looseObject({ nodes: z.array(z.looseObject({ name: z.string() })) });

/** Names in `spec.nodes`. */
export function nodeNames({ spec }: FederationObject): readonly string[] {
	const parsed = namedNodes.safeParse(spec);
	return parsed.success ? parsed.data.nodes.map(({ name }) => name) : [];
}
