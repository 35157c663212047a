import { z } from "zod";
import type { KubernetesObject } from "../kubernetes/object.ts";

/** What `kubectl apply` (client-side) keeps of the file that it applied last. */
export const lastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration";

const entries = z.array(
	z.looseObject({
		manager: z.string(),
		operation: z.string(),
		subresource: z.string().optional(),
		time: z.string().optional(),
		fieldsV1: z.record(z.string(), z.unknown()).optional(),
	}),
);

/**
 * Who declares a field of the object by server-side apply, newest first: a file, or Argo CD or Flux for a repository.
 * Such a field comes back when it is changed by other means.
 *
 * @param path as managedFields have it, such as `["f:metadata", "f:annotations", "f:example.com/key"]`
 */
export function declaredBy(object: KubernetesObject, path: readonly string[]): readonly string[] {
	const parsed = entries.safeParse("managedFields" in object.metadata ? object.metadata["managedFields"] : undefined);
	if (!parsed.success) return [];
	return parsed.data
		.filter(({ operation, subresource }) => operation === "Apply" && (subresource ?? "") === "")
		.filter(({ fieldsV1 }) => has(fieldsV1, path))
		.toSorted((a, b) => ((a.time ?? "") < (b.time ?? "") ? 1 : -1))
		.map(({ manager }) => manager);
}

/** The file that `kubectl apply` applied last; undefined where none was. */
export function lastApplied(object: KubernetesObject): unknown {
	const text = object.metadata.annotations?.[lastAppliedAnnotation];
	if (text === undefined) return undefined;
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function has(fields: unknown, [first, ...rest]: readonly string[]): boolean {
	if (first === undefined) return true;
	const inner = typeof fields === "object" && fields !== null ? new Map(Object.entries(fields)).get(first) : undefined;
	return inner !== undefined && has(inner, rest);
}
