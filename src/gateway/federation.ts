import type { NodeIntent } from "../model/intent.ts";
import { assignment, commonConfiguration, credential, dnsOptions, placeholderHost } from "./common.ts";
import { xmppDomain } from "./domain.ts";
import { credentialNames, type GatewayLayout, podLayout } from "./layout.ts";
import { luaString } from "./lua.ts";

/**
 * The Prosody configuration of an Enabled node's federation connection manager.
 *
 * Peers: encryption both ways; a certificate that verifies is used for SASL EXTERNAL (XEP-0178), else the peer is
 * identified by dialback inside TLS (XEP-0220), with the secret that all nodes share (R7).
 *
 * @throws {Error} for a Disabled node, which has none (R1).
 */
export function federationConfiguration(node: NodeIntent, layout: GatewayLayout = podLayout): string {
	if (node.federation !== "Enabled") {
		throw new Error(`node ${node.name} has no federation connection manager: its federation is ${node.federation}`);
	}
	return [
		...commonConfiguration(node, "federation", layout),
		"",
		"-- Streams with peers",
		assignment("s2s_interfaces", layout.interfaces),
		assignment("s2s_ports", [layout.federationPort]),
		assignment("s2s_require_encryption", true),
		assignment("s2s_secure_auth", false),
		`dialback_secret = ${credential(credentialNames.dialback)}`,
		"-- A peer's domain that is not there is asked for again after a minute",
		assignment("unbound", { resolvconf: true, options: { ...dnsOptions, "cache-max-negative-ttl:": "60" } }),
		"",
		"-- Links from the routers: over TLS, so not on mod_component's own port",
		assignment("component_ports", []),
		assignment("xmppfed_link_interfaces", layout.interfaces),
		assignment("xmppfed_link_port", layout.linkPort),
		assignment("component_stanza_size_limit", 4 * 1024 * 1024),
		`component_secret = ${credential(credentialNames.link)}`,
		"",
		assignment("modules_enabled", [
			"http",
			"tls",
			"saslauth",
			"dialback",
			"xmppfed_drain",
			"xmppfed_lean",
			"xmppfed_link_port",
			"xmppfed_metrics",
			"xmppfed_settings",
			"xmppfed_status",
		]),
		"",
		...placeholderHost(),
		"",
		"-- The local domains",
		...node.domains.flatMap((domain) => [
			`Component ${luaString(xmppDomain(domain))} ${luaString("component")}`,
			`\t${assignment("modules_enabled", ["xmppfed_peer_security", "xmppfed_routers", "xmppfed_incoming", "xmppfed_outgoing"])}`,
		]),
		"",
	].join("\n");
}
