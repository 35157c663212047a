import { z } from "zod";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { Observed } from "../kubernetes/object.ts";
import { Failure } from "./failure.ts";
import { type FederationObject, federations } from "./federations.ts";
import { declaredBy, lastApplied } from "./managed-fields.ts";

const withAnnotations = z.looseObject({ metadata: z.looseObject({ annotations: z.record(z.string(), z.unknown()) }) });

/**
 * Sets an annotation of a federation, or takes it away (null).
 *
 * A merge patch, not server-side apply: it changes this one annotation and nothing else, whoever set it before by hand,
 * and cannot make a federation that was just deleted. Tools that apply from files leave what they do not have alone, so
 * they neither see a difference nor take it back. What they do have is refused here: it would come back.
 */
export async function annotate(
	client: KubernetesClient,
	federation: Observed<FederationObject>,
	annotation: string,
	value: string | null,
): Promise<void> {
	const owner = declarer(federation, annotation);
	if (owner !== undefined) {
		throw new Failure(
			`the annotation ${annotation} of ${federation.metadata.name} stands in what ${owner} applies, which would put it back\n` +
				"Change it there, or take it out of there first.",
		);
	}
	const { namespace, name, uid } = federation.metadata;
	await client.mergePatch(federations, namespace, name, { metadata: { uid, annotations: { [annotation]: value } } });
}

/** Who has the annotation in a file, if anybody. */
function declarer(federation: FederationObject, annotation: string): string | undefined {
	const parsed = withAnnotations.safeParse(lastApplied(federation));
	if (parsed.success && annotation in parsed.data.metadata.annotations) return "kubectl apply";
	return declaredBy(federation, ["f:metadata", "f:annotations", `f:${annotation}`])[0];
}
