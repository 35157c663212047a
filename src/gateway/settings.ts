import { createHash } from "node:crypto";
import { canonicalJson } from "../model/canonical-json.ts";
import type { NodeIntent, PeerSecurityIntent } from "../model/intent.ts";
import { liveOf, withoutLive } from "../model/live.ts";
import { defaultSecurity } from "../model/peer-security.ts";
import { xmppDomain } from "./domain.ts";
import { limitSettings } from "./limits.ts";
import { policyListFiles, policySetting } from "./policy.ts";

/**
 * Settings that the processes of a node take over while they run (deploy/gateway/modules/mod_xmppfed_settings.lua): files
 * of one directory, by name.
 */
export type SettingsFiles = Readonly<Record<string, string>>;

/** Says which files belong together, so that none is taken beside an older one. */
export const revisionFile = "revision";

/** Names, one a line, the files that are of the pod's revision, beside those that change while it runs. */
const fixedFile = ".fixed";

/** The settings of both processes of a node: each a file `NAME.json`, and their revision. */
export function settingsFiles(node: NodeIntent): SettingsFiles {
	const files = filesOf(node);
	return { ...files, [revisionFile]: `${settingsRevision(files, policyListFiles(node))}\n` };
}

/** Those of a revision of the node: with the strategy Live, without what the node takes over while it runs. */
export function revisionedSettings(node: NodeIntent): SettingsFiles {
	if (node.strategy !== "Live") return settingsFiles(node);
	const files = filesOf(withoutLive(node));
	const names = Object.keys(files).toSorted();
	return { ...files, [fixedFile]: names.map((name) => `${name}\n`).join("") };
}

/** Those that a node takes over while it runs. Their revision is of them alone: the others are of the pod's. */
export function liveSettings(node: NodeIntent): SettingsFiles {
	const files = { ...filesOf(liveOf(node)), ...liveAliases(node) };
	return { ...files, [revisionFile]: `${settingsRevision(files, policyListFiles(node))}\n` };
}

/** Name of the file of aliases that a node takes over while it runs. */
export const liveAliasesFile = "aliases.json";

function liveAliases(node: NodeIntent): SettingsFiles {
	const { aliases } = liveOf(node);
	return aliases ? { [liveAliasesFile]: jsonFile(aliasSetting(aliases)) } : {};
}

/**
 * SHA-256 of the file of aliases that a node takes over while it runs, in hexadecimal digits, as its processes tell it;
 * undefined where it has none.
 */
export function liveAliasesDigest(node: NodeIntent): string | undefined {
	const { [liveAliasesFile]: file } = liveAliases(node);
	return file === undefined ? undefined : sha256(file);
}

function filesOf(intent: Partial<NodeIntent>): SettingsFiles {
	const files = Object.entries(settings(intent)).map(([name, value]) => [`${name}.json`, jsonFile(value)]);
	return Object.fromEntries(files);
}

function jsonFile(value: unknown): string {
	return `${canonicalJson(value)}\n`;
}

/**
 * Each setting by its name, in small letters, digits and hyphens. One that has its default is left out: a value here is
 * written as JSON and handed to those modules that watch its name.
 */
function settings({
	policy,
	security,
	peers,
	limits,
	unmappedUsers,
}: Partial<NodeIntent>): Readonly<Record<string, unknown>> {
	return {
		...(unmappedUsers && { "email-addresses": { unmappedUsers } }),
		...(limits && { limits: limitSettings(limits) }),
		...(policy && { policy: policySetting(policy) }),
		...((security ?? peers) !== undefined && { security: securitySetting(security, peers) }),
	};
}

/**
 * Of live aliases; others are in the configuration. Read by mod_xmppfed_alias_hosts and
 * mod_xmppfed_alias_links: upstreams by domain, as the router's configuration has them.
 */
export function aliasSetting(aliases: NonNullable<NodeIntent["aliases"]>) {
	return Object.fromEntries(
		Object.entries(aliases).map(([alias, { upstream, here }]) => [
			xmppDomain(alias),
			{ host: upstream.host, port: upstream.port, alias, outgoing_only: !here },
		]),
	);
}

/** Read by mod_xmppfed_peer_settings. Domains as they stand in XMPP addresses. */
function securitySetting(security: PeerSecurityIntent | undefined, peers: NodeIntent["peers"] = {}) {
	const byDomain = Object.entries(peers).map(([domain, settingsOfPeer]) => [
		domain.startsWith("*.") ? `*.${xmppDomain(domain.slice(2))}` : xmppDomain(domain),
		settingsOfPeer,
	]);
	return { default: security ?? defaultSecurity({}), peers: Object.fromEntries(byDomain) };
}

/**
 * The first 10 hexadecimal digits of the SHA-256 of what `sha256sum` says of the files in the order of their names. The
 * processes find out the same from the files that they have.
 *
 * @param digests SHA-256 (hexadecimal) of files that are not among `files`, by their names
 */
export function settingsRevision(files: SettingsFiles, digests: Readonly<Record<string, string>> = {}): string {
	const all: Readonly<Record<string, string>> = {
		...Object.fromEntries(Object.entries(files).map(([name, text]) => [name, sha256(text)])),
		...digests,
	};
	const sums = Object.keys(all)
		.toSorted()
		.map((name) => `${all[name]}  ${name}\n`);
	return sha256(sums.join("")).slice(0, 10);
}

function sha256(text: string): string {
	return createHash("sha256").update(text).digest("hex");
}
