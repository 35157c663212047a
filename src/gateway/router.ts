import type { NodeIntent } from "../model/intent.ts";
import { assignment, commonConfiguration, credential, dnsOptions, placeholderHost } from "./common.ts";
import { xmppDomain } from "./domain.ts";
import { withImageCheck } from "./image-check.ts";
import { credentialNames, type GatewayLayout, podLayout } from "./layout.ts";
import { luaString } from "./lua.ts";
import { aliasSetting } from "./settings.ts";

/** The Component whose modules serve every remote domain. Never on the wire. */
const TEMPLATE_HOST = "remote-domain.invalid";

/** The Prosody configuration of a node's router (R9). */
export function routerConfiguration(node: NodeIntent, layout: GatewayLayout = podLayout): string {
	const { host, port } = node.upstream;
	const upstreams = {
		...Object.fromEntries(node.domains.map((domain) => [xmppDomain(domain), { host, port }])),
		...(node.liveAliases ? {} : aliasSetting(node.aliases ?? {})),
	};
	const lines = [
		...commonConfiguration(node, "router", layout),
		"",
		"-- Streams with the internal server. It identifies itself, and every remote domain to itself, by dialback:",
		"-- no certificate of ours could speak for a remote domain. TLS is used where the internal server has it.",
		assignment("s2s_interfaces", layout.interfaces),
		assignment("s2s_ports", [layout.routerPort]),
		assignment("s2s_require_encryption", false),
		assignment("s2s_secure_auth", false),
		`dialback_secret = ${credential(credentialNames.dialback)}`,
		"",
		"-- Links to the federation connection managers",
		assignment("xmppfed_links", { host: node.links.host, port: node.links.port }),
		`xmppfed_link_secret = ${credential(credentialNames.link)}`,
		assignment("xmppfed_upstreams", upstreams),
		assignment("xmppfed_template_host", TEMPLATE_HOST),
		...(node.emailAddresses ? [assignment("xmppfed_email_addresses_directory", layout.emailAddressesDirectory)] : []),
		"-- The addresses of the links name change with the pods, and are looked up all the time: nothing is remembered",
		assignment("unbound", {
			resolvconf: true,
			options: { ...dnsOptions, "cache-max-ttl:": "0", "cache-max-negative-ttl:": "0" },
		}),
		"",
		assignment("modules_enabled", [
			"http",
			"tls",
			"dialback",
			...(node.liveAliases ? ["xmppfed_alias_links"] : []),
			"xmppfed_drain",
			...(node.emailAddresses ? ["xmppfed_email_addresses"] : []),
			"xmppfed_lean",
			"xmppfed_links",
			"xmppfed_metrics",
			"xmppfed_own_certificate",
			"xmppfed_settings",
			"xmppfed_status",
			"xmppfed_upstream_probe",
		]),
		"",
		...placeholderHost(),
		"",
		"-- Every remote domain, see mod_xmppfed_any_domain",
		`Component ${luaString(TEMPLATE_HOST)} ${luaString("xmppfed_template")}`,
		`\t${assignment("modules_enabled", [
			"xmppfed_dialback",
			"xmppfed_internal_streams",
			"xmppfed_relay",
			"xmppfed_upstream",
			"xmppfed_peers",
			"xmppfed_incoming",
			"xmppfed_outgoing",
		])}`,
		"",
	];
	return withImageCheck(lines, node, "router", layout);
}
