import type { XmppFederation } from "../api/xmpp-federation.ts";

/** An XmppFederation as it is in the API server: with what the API server always sets. */
export type StoredFederation = XmppFederation & {
	readonly metadata: { readonly namespace: string; readonly uid: string; readonly generation: number };
};
