import type { XmppFederation } from "../api/xmpp-federation.ts";

/** An XmppFederation as it is in the API server: with what the API server always sets. */
export type StoredFederation = Omit<XmppFederation, "status"> & {
	readonly metadata: { readonly namespace: string; readonly uid: string; readonly generation: number };
	/** As it is there, of whatever version of the operator. */
	readonly status?: unknown;
};
