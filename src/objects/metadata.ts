import type { FederationIntent } from "../model/intent.ts";
import type { Labels } from "./labels.ts";

type Owner = Pick<FederationIntent, "namespace" | "name" | "uid">;

/** Deleting the XmppFederation deletes the object, also with the operator down: garbage collection follows this. */
export function ownerReference(federation: Owner) {
	return {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "XmppFederation",
		name: federation.name,
		uid: federation.uid,
		controller: true,
		blockOwnerDeletion: true,
	};
}

export function metadata(federation: Owner, name: string, labels: Labels, annotations?: Record<string, string>) {
	return {
		name,
		namespace: federation.namespace,
		labels,
		...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
		ownerReferences: [ownerReference(federation)],
	};
}
