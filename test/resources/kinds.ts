import { chatNodeAliasKind } from "../../src/api/chat-node-alias.ts";
import type { Kind } from "../../src/api/crd.ts";
import { federationPolicyKind } from "../../src/api/federation-policy.ts";
import { type Parsed, parseChatNodeAlias, parseFederationPolicy, parseXmppFederation } from "../../src/api/parse.ts";
import { xmppFederationKind } from "../../src/api/xmpp-federation.ts";
import type { InvalidCase, Resource, ValidCase } from "./cases.ts";
import * as aliases from "./chat-node-aliases.ts";
import * as policies from "./federation-policies.ts";
import * as federations from "./xmpp-federations.ts";

/** What is known of each kind: its definition, its parser, and resources that are right and that are wrong. */
export interface KindTable {
	readonly kind: string;
	readonly definition: Kind;
	readonly parse: (object: unknown) => Parsed<Resource>;
	readonly validCases: readonly ValidCase[];
	readonly invalidCases: readonly InvalidCase[];
}

export const kindTables: readonly KindTable[] = [
	{ ...federations, kind: "XmppFederation", definition: xmppFederationKind, parse: parseXmppFederation },
	{ ...policies, kind: "FederationPolicy", definition: federationPolicyKind, parse: parseFederationPolicy },
	{ ...aliases, kind: "ChatNodeAlias", definition: chatNodeAliasKind, parse: parseChatNodeAlias },
];
