import type { NodeIntent } from "../model/intent.ts";
import { assignment, commonConfiguration, credential, dnsOptions, placeholderHost } from "./common.ts";
import { xmppDomain } from "./domain.ts";
import { withImageCheck } from "./image-check.ts";
import { credentialNames, type GatewayLayout, podLayout } from "./layout.ts";
import { luaString } from "./lua.ts";

/** What a component has of modules beside Prosody's own for streams. */
const domainModules = [
	"xmppfed_dialback",
	"xmppfed_idle",
	"xmppfed_incoming",
	"xmppfed_outgoing",
	"xmppfed_peer_incoming",
	"xmppfed_peer_outgoing",
	"xmppfed_peer_security",
	"xmppfed_peers",
	"xmppfed_policy",
	"xmppfed_rates",
	"xmppfed_routers",
	"xmppfed_second_try",
];

/**
 * The Prosody configuration of an Enabled node's federation connection manager.
 *
 * What is demanded of peers is in no file of it, but in the setting "security" (`settings.ts`). All nodes share the
 * dialback secret (R7).
 *
 * @throws {Error} for a Disabled node, which has none (R1).
 */
export function federationConfiguration(node: NodeIntent, layout: GatewayLayout = podLayout): string {
	if (node.federation !== "Enabled") {
		throw new Error(`node ${node.name} has no federation connection manager: its federation is ${node.federation}`);
	}
	const lines = [
		...commonConfiguration(node, "federation", layout),
		"",
		"-- Streams with peers",
		assignment("s2s_interfaces", layout.interfaces),
		assignment("s2s_ports", [layout.federationPort]),
		"-- What is demanded of each peer is decided by mod_xmppfed_peer_security. An image that lacks it must not let everybody",
		"-- in: it lacks this script too, and does not start.",
		`RunScript(${luaString(`${layout.moduleDirectory}/xmppfed_encryption_by_peer.lua`)})`,
		assignment("s2s_require_encryption", false),
		assignment("s2s_secure_auth", false),
		`dialback_secret = ${credential(credentialNames.dialback)}`,
		"-- A peer's domain that is not there is asked for again after a minute",
		assignment("unbound", { resolvconf: true, options: { ...dnsOptions, "cache-max-negative-ttl:": "60" } }),
		"",
		"-- Links from the routers: over TLS, so not on mod_component's own port",
		assignment("component_ports", []),
		assignment("xmppfed_link_interfaces", layout.interfaces),
		assignment("xmppfed_link_port", layout.linkPort),
		assignment("component_stanza_size_limit", 8 * 1024 * 1024),
		`component_secret = ${credential(credentialNames.link)}`,
		"",
		assignment("modules_enabled", [
			"http",
			"tls",
			"saslauth",
			"dialback",
			...(node.liveAliases ? ["xmppfed_alias_hosts"] : []),
			"xmppfed_drain",
			"xmppfed_lean",
			"xmppfed_link_port",
			"xmppfed_metrics",
			"xmppfed_own_certificate",
			"xmppfed_settings",
			"xmppfed_status",
		]),
		...(node.liveAliases ? [assignment("xmppfed_domain_modules", domainModules)] : []),
		"",
		...placeholderHost(),
		"",
		"-- The local domains",
		...node.domains.flatMap((domain) => component(domain)),
		...Object.keys(node.liveAliases ? {} : (node.aliases ?? {})).flatMap((alias) => [
			...component(alias),
			`\t${assignment("xmppfed_alias", true)}`,
		]),
		"",
	];
	return withImageCheck(lines, node, "federation", layout);
}

function component(domain: string): string[] {
	return [
		`Component ${luaString(xmppDomain(domain))} ${luaString("component")}`,
		`\t${assignment("modules_enabled", domainModules)}`,
	];
}
