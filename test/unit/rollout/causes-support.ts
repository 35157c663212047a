import type { XmppFederation } from "../../../src/api/xmpp-federation.ts";
import type { FederationInputs } from "../../../src/model/federation-inputs.ts";
import type { FederationIntent } from "../../../src/model/intent.ts";
import { liveOf } from "../../../src/model/live.ts";
import { nodeRevision, revisionedIntent } from "../../../src/model/revision.ts";
import { type AppliedNode, type Cause, causes } from "../../../src/rollout/causes.ts";
import { base64, certificate, givenSecrets, key, modelled, sample } from "../fixtures/federation.ts";

export const rooms = {
	name: "rooms",
	domain: "rooms.example.com",
	spec: { federationRef: { name: "example-full" }, alias: "Rooms.example.com", node: "gw-2" },
};

export type Change = (spec: XmppFederation["spec"]) => void;

export const intentOf = (change: Change = () => {}, more: Partial<FederationInputs> = {}) =>
	modelled(sample("full", change), { ...givenSecrets, ...more }).intent;
/** What runs when the intent has been carried out, as its record says. */
export const running = (intent: FederationIntent): AppliedNode[] =>
	intent.nodes.map((node) => ({
		name: node.name,
		federation: node.federation,
		revision: nodeRevision(node),
		applied: JSON.parse(JSON.stringify(node)) as unknown,
	}));
/** The same with the strategy Live, as the operator's objects record it. */
export const runningLive = (intent: FederationIntent): AppliedNode[] =>
	intent.nodes.map((entry) => ({
		name: entry.name,
		federation: entry.federation,
		revision: nodeRevision(entry),
		applied: JSON.parse(JSON.stringify(revisionedIntent(entry))) as unknown,
		appliedLive: JSON.parse(JSON.stringify(liveOf(entry))) as unknown,
	}));
export const words = ({ rule, reason, field, from, to, scope, nodes }: Cause) =>
	`${rule} ${reason} ${field}${from === undefined ? "" : ` from ${from}`}${to === undefined ? "" : ` to ${to}`} ${scope}: ${nodes.join(" ")}`;
export const found = (change?: Change, more?: Partial<FederationInputs>) =>
	causes(intentOf(change, more), running(intentOf())).map(words);
export const node = (spec: XmppFederation["spec"], index: number) => {
	const entry = spec.nodes[index];
	if (!entry) throw new Error(`the sample has no node ${index}`);
	return entry;
};

/** The fixture's certificate with another end of line: another content. */
export function certificateOfOthers() {
	const text = Buffer.from(certificate, "base64").toString("utf8");
	return { data: { "tls.crt": base64(`${text}\n`), "tls.key": key } };
}
