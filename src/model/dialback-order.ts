import type { Problem } from "./problem.ts";
import { isFuture, readTime } from "./rollout-orders.ts";
import type { StoredFederation } from "./stored-federation.ts";

/** `TIME` (RFC 3339): replace the generated dialback secret. On the Secret that is made for it: for which time. */
export const rotateDialbackAnnotation = "xmppfed.dev/rotate-dialback";

/** When people last asked for another dialback secret, in UTC with milliseconds; what cannot be read asks for none. */
export function dialbackOrder(
	{ metadata: { annotations = {} }, spec }: Pick<StoredFederation, "metadata" | "spec">,
	now: Date,
): { readonly at?: string; readonly problems: readonly Problem[] } {
	const text = annotations[rotateDialbackAnnotation];
	if (text === undefined) return { problems: [] };
	const object = (message: string) => {
		const field = `metadata.annotations[${rotateDialbackAnnotation}]`;
		return { problems: [{ reason: "InvalidAnnotation" as const, field, message }] };
	};
	if (spec.security?.dialback?.secretRef) {
		return object("the dialback secret is given in spec.security.dialback.secretRef. Change that Secret instead.");
	}
	const at = readTime(text);
	if (!at) return object("must be a time such as 2026-01-31T12:00:00Z. The dialback secret is not replaced.");
	if (isFuture(at, now)) return object("is in the future. The dialback secret is not replaced before.");
	return { at: at.toISOString(), problems: [] };
}
