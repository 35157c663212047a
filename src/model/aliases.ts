import { z } from "zod";
import type { ChatNodeAliasSpec } from "../api/chat-node-alias.ts";
import { defaults } from "../api/defaults.ts";
import type { XmppFederation } from "../api/xmpp-federation.ts";
import { localDomains } from "./domains.ts";
import { type Claimant, inOrder, whyFirst } from "./policy/in-force.ts";
import type { Problem } from "./problem.ts";

/** Most aliases of one federation: each is a domain of its own at every node. */
export const mostAliases = 64;

/** A ChatNodeAlias that can be read. */
export interface ReadAlias {
	readonly metadata: Claimant["metadata"];
	readonly spec: ChatNodeAliasSpec;
}

/** A ChatNodeAlias that is served. */
export interface AcceptedAlias {
	/** Name of the ChatNodeAlias. */
	readonly name: string;
	/** In lower case. */
	readonly domain: string;
	readonly spec: ChatNodeAliasSpec;
}

/** Whether an alias is served, or why not. */
export type JudgedAlias = { readonly name: string } & (
	| { readonly ok: true; readonly alias: AcceptedAlias }
	| { readonly ok: false; readonly problem: Problem }
);

/** Who has a domain, of all that can be seen. */
export interface DomainHolders {
	/** The first XmppFederation that it is a domain of. */
	federation(domain: string): Claimant | undefined;
	/** The first ChatNodeAlias of that name. */
	alias(domain: string): Claimant | undefined;
}

const asking = z.looseObject({
	spec: z.looseObject({
		alias: z.string().optional(),
		domain: z.string().optional(),
		additionalDomains: z.array(z.string()).optional(),
	}),
});
const read = new WeakMap<object, readonly string[]>();

/**
 * The domain that a ChatNodeAlias asks for, or those of an XmppFederation; none where it cannot be read. All objects of
 * the cluster are asked again and again, so it is kept for as long as the object is.
 */
export function domainsAskedFor(object: object): readonly string[] {
	const known = read.get(object);
	if (known) return known;
	const { alias, domain, additionalDomains = [] } = asking.safeParse(object).data?.spec ?? {};
	const found = [alias, domain, ...additionalDomains].flatMap((name) => name?.toLowerCase() ?? []);
	read.set(object, found);
	return found;
}

/** @param aliases in any order; what is being deleted has no name any more and must not be among them */
export function domainHolders(federations: readonly Claimant[], aliases: readonly Claimant[]): DomainHolders {
	const index = (objects: readonly Claimant[]) => {
		const holders = new Map<string, Claimant>();
		for (const object of objects) {
			for (const domain of domainsAskedFor(object)) if (!holders.has(domain)) holders.set(domain, object);
		}
		return holders;
	};
	const [byFederations, byAliases] = [index(inOrder(federations)), index(inOrder(aliases))];
	return { federation: (domain) => byFederations.get(domain), alias: (domain) => byAliases.get(domain) };
}

/**
 * Which aliases of a federation are served. Of several with one name the oldest has it, then the first by name; a domain of a
 * federation, or of one of its peers, is nobody's alias.
 *
 * @param aliases of the federation, the oldest first
 */
export function judgeAliases(
	federation: Pick<XmppFederation, "spec">,
	aliases: readonly ReadAlias[],
	holders: DomainHolders,
): readonly JudgedAlias[] {
	let accepted = 0;
	return aliases.map((alias): JudgedAlias => {
		const { metadata, spec } = alias;
		const { name } = metadata;
		const problem = problemOf(federation, alias, holders) ?? (accepted === mostAliases ? tooMany : undefined);
		if (problem) return { name, ok: false, problem };
		accepted += 1;
		return { name, ok: true, alias: { name, domain: spec.alias.toLowerCase(), spec } };
	});
}

const tooMany: Problem = {
	reason: "TooManyAliases",
	field: "",
	message: `the federation has ${mostAliases} aliases already, and can have no more: delete one, or use a second XmppFederation.`,
};

function problemOf(
	federation: Pick<XmppFederation, "spec">,
	alias: ReadAlias,
	holders: DomainHolders,
): Problem | undefined {
	const { spec } = alias;
	const domain = spec.alias.toLowerCase();
	const conflict = (message: string): Problem => ({ reason: "Conflicted", field: "spec.alias", message });
	if (localDomains(federation).includes(domain)) {
		return conflict(
			`${domain} is a domain of XmppFederation ${spec.federationRef.name} itself: take it out there, or here.`,
		);
	}
	const owner = holders.federation(domain);
	if (owner !== undefined) return conflict(`${domain} is a domain of XmppFederation ${keyOf(owner)}: use another one.`);
	const first = holders.alias(domain);
	if (first !== undefined && keyOf(first) !== keyOf(alias)) {
		const why = whyFirst(first, alias);
		return conflict(`${domain} is the alias of ChatNodeAlias ${keyOf(first)}, which is ${why}: delete one of them.`);
	}
	if ((federation.spec.peers ?? []).some((peer) => peer.domain === domain)) {
		return conflict(
			`${domain} is a peer in spec.peers of XmppFederation ${spec.federationRef.name}: take it out there.`,
		);
	}
	return nodeProblem(federation, spec);
}

function nodeProblem(
	{ spec: { nodes } }: Pick<XmppFederation, "spec">,
	{ node: name, exposure, federationRef }: ChatNodeAliasSpec,
): Problem | undefined {
	const refuse = (reason: Problem["reason"], message: string): Problem => ({ reason, field: "spec.node", message });
	const node = nodes.find((candidate) => candidate.name === name);
	if (!node) {
		const names = nodes.map((candidate) => candidate.name).join(", ");
		return refuse("NodeNotFound", `XmppFederation ${federationRef.name} has no node ${name}. It has ${names}.`);
	}
	if (exposure === "Direct" && (node.federation ?? defaults.federation) === "Disabled") {
		return refuse(
			"NodeDisabled",
			`federation is Disabled at node ${name}, so peers cannot connect to it: enable it there, or set exposure: Shared.`,
		);
	}
	return undefined;
}

function keyOf({ metadata }: Claimant): string {
	return `${metadata.namespace ?? ""}/${metadata.name}`;
}
