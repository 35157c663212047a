import { createHash } from "node:crypto";
import { defaults } from "../api/defaults.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { FederationIntent, PeerSecurityIntent } from "./intent.ts";
import { defaultSecurity } from "./peer-security.ts";

/**
 * What all federations of one domain must have in common (R14): a peer reaches any of them, so the loosest of them
 * decides, and what one refuses another lets through. Where they run may differ: nodes, upstreams, Services, images, DNS.
 */
export interface SharedSettings {
	readonly domains: readonly string[];
	readonly security: PeerSecurityIntent;
	/** By domain; with `*.` for that domain and all its subdomains. */
	readonly peers: Readonly<Record<string, PeerSecurityIntent>>;
	readonly policy: {
		readonly default: string;
		readonly enforcement: string;
		/** How many. */
		readonly exceptions: number;
		/** Of all of them together. */
		readonly digest: string;
	};
	/** How peers reach each alias. */
	readonly aliases: Readonly<Record<string, "Shared" | "Direct">>;
	/** With their defaults; those without one only where they are set. */
	readonly limits: Readonly<Record<string, number>>;
	readonly systemRoots: boolean;
	/** What holds for users without an email address; absent: users are known by their JIDs. */
	readonly unmappedUsers?: string;
	readonly digests: SettingDigests;
}

/** Of what is not shown. Digests of one run, or one operator, can be compared. Absent: not known. */
export interface SettingDigests {
	/** Empty: dialback is not used. */
	readonly dialback?: string;
	/** Of the authorities in spec.security.trustedCAs; empty: none. */
	readonly authorities?: string;
}

/** One setting that differs. Values are absent where they are secret, or say nothing to people. */
export interface SettingDifference {
	readonly field: string;
	readonly values?: readonly [string, string];
}

/** Every default is filled in, so that only what holds differently differs. */
export function sharedSettings(intent: FederationIntent, digests: SettingDigests): SharedSettings {
	const [node] = intent.nodes;
	const { default: verdict = defaults.defaultPolicy, enforcement = "Enforce", exceptions = 0 } = node?.policy ?? {};
	// Audit denies nobody: with Allow and no exception, neither does Enforce.
	const isOpen = verdict === "Allow" && exceptions === 0;
	return {
		domains: intent.domains,
		security: node?.security ?? defaultSecurity({}),
		peers: node?.peers ?? {},
		policy: {
			default: verdict,
			enforcement: isOpen ? "Enforce" : enforcement,
			exceptions,
			digest: createHash("sha256")
				.update(canonicalJson(node?.policy?.lists ?? []))
				.digest("hex"),
		},
		aliases: Object.fromEntries(
			(intent.aliases ?? []).map(({ domain, direct }) => [domain, direct ? "Direct" : "Shared"]),
		),
		limits: { ...defaults.limits, ...node?.streams, ...node?.limits },
		systemRoots: node?.systemRoots ?? true,
		...(node?.unmappedUsers && { unmappedUsers: node.unmappedUsers }),
		digests,
	};
}

/** Whether the dialback secret matters. */
export function usesDialback({ nodes: [node] }: FederationIntent): boolean {
	const all = [node?.security ?? defaultSecurity({}), ...Object.values(node?.peers ?? {})];
	return all.some(({ dialback }) => dialback.mode === "Enabled");
}

/** What differs, by the fields that set it. */
export function settingDifferences(a: SharedSettings, b: SharedSettings): readonly SettingDifference[] {
	const exceptions = a.policy.exceptions === b.policy.exceptions && a.policy.digest !== b.policy.digest;
	return [
		...compared(fields(a), fields(b)),
		...peerDifferences(a, b),
		...(exceptions ? [{ field: "FederationPolicy spec.exceptions" }] : []),
		...hidden("spec.security.trustedCAs.configMapRef", a.digests.authorities, b.digests.authorities),
		...hidden("spec.security.dialback.secretRef", a.digests.dialback, b.digests.dialback),
	];
}

type Fields = ReadonlyMap<string, string>;

function compared(a: Fields, b: Fields): readonly SettingDifference[] {
	return [...new Set([...a.keys(), ...b.keys()])].flatMap((field): SettingDifference[] => {
		const [one, other] = [a.get(field) ?? "not set", b.get(field) ?? "not set"];
		return one === other ? [] : [{ field, values: [one, other] }];
	});
}

function fields({ domains, security, policy, aliases, limits, systemRoots, unmappedUsers }: SharedSettings): Fields {
	const [domain = "", ...others] = domains;
	return new Map([
		["spec.domain", domain],
		["spec.additionalDomains", others.toSorted().join(", ") || "none"],
		...securityFields("spec.security", security),
		["spec.security.trustedCAs.systemRoots", String(systemRoots)],
		...(unmappedUsers === undefined
			? []
			: [["spec.emailAddresses.unmappedUsers", unmappedUsers] satisfies [string, string]]),
		["FederationPolicy spec.default", policy.default],
		["FederationPolicy spec.enforcement", policy.enforcement],
		["FederationPolicy number of exceptions", String(policy.exceptions)],
		...Object.entries(aliases).map(([name, exposure]): [string, string] => [`ChatNodeAlias ${name}`, exposure]),
		...Object.entries(limits).map(([name, limit]): [string, string] => [`spec.limits.${name}`, String(limit)]),
	]);
}

function securityFields(field: string, security: PeerSecurityIntent): [string, string][] {
	const { mode, peerCertificates, saslExternal, dialback } = security;
	return [
		[`${field}.mode`, mode],
		...(peerCertificates ? [[`${field}.peerCertificates`, peerCertificates] satisfies [string, string]] : []),
		...Object.entries(saslExternal ?? {}).map(([way, use]): [string, string] => [`${field}.saslExternal.${way}`, use]),
		[`${field}.dialback.mode`, dialback.mode],
	];
}

/** By what holds for each peer, not by who has an entry for it. What both take from spec.security is told there. */
function peerDifferences(a: SharedSettings, b: SharedSettings): readonly SettingDifference[] {
	const domains = new Set([...Object.keys(a.peers), ...Object.keys(b.peers)]);
	return [...domains].flatMap((domain) => {
		const field = `spec.peers[${domain}].security`;
		const [one, other] = [securityOf(a, domain), securityOf(b, domain)];
		if (one === a.security && other === b.security) return [];
		return compared(new Map(securityFields(field, one)), new Map(securityFields(field, other)));
	});
}

/** The entry of the domain itself, else the nearest wildcard, else what holds for all. */
function securityOf({ peers, security }: SharedSettings, pattern: string): PeerSecurityIntent {
	const own = peers[pattern];
	if (own) return own;
	const labels = pattern.replace(/^\*\./, "").split(".");
	const wildcards = labels.map((_, index) => `*.${labels.slice(index).join(".")}`);
	return wildcards.flatMap((wildcard) => peers[wildcard] ?? [])[0] ?? security;
}

function hidden(field: string, one: string | undefined, other: string | undefined): readonly SettingDifference[] {
	return one === undefined || other === undefined || one === other ? [] : [{ field }];
}
