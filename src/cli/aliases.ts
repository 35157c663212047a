import { chatNodeAliasResource } from "../api/chat-node-alias.ts";
import { parseChatNodeAlias } from "../api/parse.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../kubernetes/object.ts";
import { domainHolders, type JudgedAlias, judgeAliases, type ReadAlias } from "../model/aliases.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { applied } from "./applied.ts";

const aliases: Resource = chatNodeAliasResource;

/** The ChatNodeAliases of a namespace, the oldest first, as they would be once those of files were applied. */
export async function aliasesIn(
	client: KubernetesClient,
	namespace: string,
	files: readonly KubernetesObject[] = [],
): Promise<readonly KubernetesObject[]> {
	const { items } = await client.list(aliases, { namespace });
	return applied(namespace, items, files);
}

/**
 * Which aliases of a federation are served, as far as its own namespace tells: somebody else's domains are not looked at,
 * which a user may not be allowed to see.
 */
export function judgeIn(
	federation: StoredFederation,
	inNamespace: readonly KubernetesObject[],
): readonly JudgedAlias[] {
	const own = inNamespace.flatMap((object): ReadAlias[] => {
		const parsed = parseChatNodeAlias(object);
		if (!parsed.ok || parsed.value.spec.federationRef.name !== federation.metadata.name) return [];
		return [{ metadata: object.metadata, spec: parsed.value.spec }];
	});
	return judgeAliases(federation, own, domainHolders([], inNamespace));
}

/** The name of the XmppFederation that an alias is for; undefined where it is not valid. */
export function federationOfAlias(object: KubernetesObject): string | undefined {
	const parsed = parseChatNodeAlias(object);
	return parsed.ok ? parsed.value.spec.federationRef.name : undefined;
}
