import type { Kubectl, KubernetesObject } from "../../../deploy/demo/kubectl.ts";
import { until } from "../../../deploy/demo/until.ts";
import type { ChatNodeAlias } from "../../../src/api/chat-node-alias.ts";
import type { FederationPolicy } from "../../../src/api/federation-policy.ts";
import type { FederationName } from "./federation.ts";

/** What is attached to a federation, by the name of its kind for kubectl. */
interface Attached {
	readonly chatnodealias: ChatNodeAlias & KubernetesObject;
	readonly federationpolicy: FederationPolicy & KubernetesObject;
}

interface ResourceName {
	readonly namespace: string;
	readonly name: string;
}

/** Waits until a condition of a resource is as wanted for its newest generation, and gives the resource. */
export async function attachedWith<Kind extends keyof Attached>(
	kubectl: Kubectl,
	kind: Kind,
	{ namespace, name }: ResourceName,
	wanted: { readonly type: string; readonly status: string; readonly reason?: string | undefined },
): Promise<Attached[Kind]> {
	const { type, status, reason } = wanted;
	const find = async () => await kubectl.find<Attached[Kind]>(kind, name, namespace);
	return await until(
		[`${type}=${status}`, reason, "of", kind, name].filter(Boolean).join(" "),
		async () => {
			const found = await find();
			const condition = found?.status?.conditions?.find((each) => each.type === type);
			const isNew = condition?.observedGeneration === found?.metadata.generation;
			return isNew && condition?.status === status && condition.reason === (reason ?? condition.reason)
				? found
				: undefined;
		},
		{ timeout: 300_000, explain: async () => JSON.stringify((await find())?.status, undefined, "\t") },
	);
}

/** Waits until every node has in force what a resource says now, and gives the resource. */
export async function programmed<Kind extends keyof Attached>(
	kubectl: Kubectl,
	kind: Kind,
	of: ResourceName,
): Promise<Attached[Kind]> {
	return await attachedWith(kubectl, kind, of, { type: "Programmed", status: "True" });
}

/** A Shared alias whose rooms are on the server `chat` (`startRooms`). */
export function conferenceAlias({ namespace, name }: FederationName, alias: string, node: string): ChatNodeAlias {
	return {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "ChatNodeAlias",
		metadata: { name: "conference", namespace },
		spec: { federationRef: { name }, alias, node, upstream: { host: `chat.${namespace}.svc` } },
	};
}
