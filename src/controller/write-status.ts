import type { Logger } from "pino";
import type { Condition } from "../api/conditions.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/errors.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import type { KubernetesObject, Observed, Resource } from "../kubernetes/object.ts";
import type { Store } from "../kubernetes/store.ts";
import { canonicalJson } from "../model/canonical-json.ts";
import { transitions } from "../status/transitions.ts";

export interface StatusTarget {
	readonly client: KubernetesClient;
	readonly resource: Resource;
	readonly store: Store<KubernetesObject>;
	readonly events: EventRecorder;
}

type AnyStatus = { readonly conditions?: readonly Condition[] | undefined } & object;

/**
 * Writes the status of a resource where it differs from the one before, and an Event for what has changed in it.
 *
 * @returns whether it was written
 */
export async function writeStatus(
	{ client, resource, store, events }: StatusTarget,
	object: Observed,
	status: AnyStatus,
	previous: AnyStatus,
	log: Logger,
	signal: AbortSignal,
): Promise<boolean> {
	if (canonicalJson(status) === canonicalJson(previous)) return false;
	const { apiVersion, kind, metadata } = object;
	const { name, namespace, uid } = metadata;
	// With the uid, a resource that was deleted and made again does not get the status of the one before.
	const identity = { name, ...(namespace !== undefined && { namespace }), uid };
	const update = { apiVersion, kind, metadata: identity, status };
	try {
		store.remember(await client.apply(resource, update, { force: true, subresource: "status", signal }));
	} catch (error) {
		// It was deleted, and the watch has not told yet: there is nobody to tell. Without its CRD there is no reason.
		if (error instanceof ApiError && error.reason === "NotFound") return false;
		throw error;
	}
	for (const { type, reason, note } of transitions(previous.conditions ?? [], status.conditions ?? [])) {
		log[type === "Warning" ? "warn" : "info"]({ reason }, note);
		events.record({ regarding: object, type, reason, action: "Reconcile", note });
	}
	return true;
}
