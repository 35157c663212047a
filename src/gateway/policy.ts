import type { NodeIntent, PolicyIntent } from "../model/intent.ts";
import { policyDigest } from "../model/policy/compile.ts";

/** The setting `policy` of a node (deploy/gateway/modules/mod_xmppfed_policy.lua). */
export function policySetting(policy: PolicyIntent) {
	const { default: verdict, enforcement, exceptions, lists } = policy;
	return {
		default: verdict,
		enforcement,
		exceptions,
		digest: policyDigest(policy),
		lists: lists.map((_, place) => policyListFile(place)),
		sums: lists,
	};
}

/**
 * The lists of exceptions beside a node's settings: name of the file and SHA-256 (hexadecimal) of its text. All nodes of a
 * federation have the same ones, so they stand in ConfigMaps of the federation.
 */
export function policyListFiles({ policy }: Pick<NodeIntent, "policy">): Readonly<Record<string, string>> {
	return Object.fromEntries((policy?.lists ?? []).map((digest, place) => [policyListFile(place), digest]));
}

/** Name of the file of a list. */
export function policyListFile(place: number): string {
	return `policy-${place}.list`;
}
