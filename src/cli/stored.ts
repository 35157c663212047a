import { z } from "zod";
import { parseXmppFederation } from "../api/parse.ts";
import type { KubernetesObject } from "../kubernetes/object.ts";
import type { StoredFederation } from "../model/stored-federation.ts";

const storedMetadata = z.looseObject({
	namespace: z.string(),
	uid: z.string().catch(""),
	generation: z.number().catch(1),
});

/** An XmppFederation as the model takes it; undefined where this program cannot read it, or it is not in a cluster yet. */
export function storedFederation(object: KubernetesObject): StoredFederation | undefined {
	const parsed = parseXmppFederation(object);
	const metadata = storedMetadata.safeParse(object.metadata);
	if (!parsed.ok || !metadata.success) return undefined;
	const { namespace, uid, generation } = metadata.data;
	return { ...parsed.value, metadata: { ...parsed.value.metadata, namespace, uid, generation } };
}
