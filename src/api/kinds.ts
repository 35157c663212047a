import { chatNodeAliasKind } from "./chat-node-alias.ts";
import type { Kind } from "./crd.ts";
import { federationPolicyKind } from "./federation-policy.ts";
import { xmppFederationKind } from "./xmpp-federation.ts";

/** All kinds of this project. */
export const kinds: readonly Kind[] = [xmppFederationKind, federationPolicyKind, chatNodeAliasKind];
