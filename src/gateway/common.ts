import type { NodeIntent } from "../model/intent.ts";
import { drainTimes } from "./drain.ts";
import { type GatewayLayout, trustedAuthoritiesKey } from "./layout.ts";
import { limitDefaults } from "./limits.ts";
import { type LuaValue, luaComment, luaString, luaValue } from "./lua.ts";

export type GatewayRole = "router" | "federation";

/** Bytes of one stanza that either side of a gateway takes (advertised to peers, XEP-0478). */
const STANZA_BYTES = 512 * 1024;

/** How long a stream may take until it is authenticated. Inside, nothing is far away. */
const unauthenticatedSeconds: Record<GatewayRole, number> = { router: 30, federation: 60 };

/** How long one address may take to accept a connection. */
const connectSeconds: Record<GatewayRole, number> = { router: 5, federation: 20 };

/**
 * What Prosody lets wait for a connection before it cuts it. mod_xmppfed_backlog stops at 1 MiB and one stanza, which can
 * be six times as long when it is written as it was when it was read: this is for what it does not see.
 */
const SEND_BUFFER_BYTES = 8 * 1024 * 1024;

/** Connections that wait to be accepted. Past it the kernel drops what others begin, so it must hold a burst of strangers. */
const TCP_BACKLOG = 1024;

/**
 * Cipher suites of TLS 1.2 by RFC 9325 section 4.2, in OpenSSL's words: ephemeral elliptic curves with authenticated
 * encryption. Prosody's own list has finite-field Diffie-Hellman besides, which that RFC advises against. For
 * peers only: an internal server may be old.
 */
const CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20";

/** A line `NAME = VALUE`, where VALUE is a value or, with `raw`, Lua source text. */
export function assignment(name: string, value: LuaValue): string {
	return `${name} = ${luaValue(value)}`;
}

/** The value of a file in `$CREDENTIALS_DIRECTORY`. */
export function credential(name: string): string {
	return `Credential(${luaString(name)})`;
}

/**
 * Settings of libunbound. A DNS server that did not answer is asked again after two seconds at most; by default it is
 * left alone for up to two minutes, and what the pod's DNS missed for a moment would be missing for that long.
 */
export const dnsOptions = { "infra-host-ttl:": "2", "infra-cache-max-rtt:": "2000" } as const;

export const certificateFile = (layout: GatewayLayout): string => `${layout.certificateDirectory}/tls.crt`;

/** What both roles have at the head of their configuration. */
export function commonConfiguration(node: NodeIntent, role: GatewayRole, layout: GatewayLayout): string[] {
	const title = role === "router" ? "Router" : "Federation connection manager";
	const drain = drainTimes(node);
	const httpPort = role === "router" ? layout.routerHttpPort : layout.federationHttpPort;
	return [
		luaComment(`${title} of node ${node.name}, federation ${node.namespace}/${node.federationName}`),
		"",
		"-- Logs: JSON lines on standard output, from the first line on",
		`RunScript(${luaString(`${layout.moduleDirectory}/xmppfed_json_log.lua`)})(${luaValue({ role, node: node.name })})`,
		assignment("log", [{ to: "xmppfed_json", levels: { min: "info" } }]),
		"",
		"-- Files: nothing is stored",
		assignment("data_path", layout.dataDirectory),
		assignment("plugin_paths", [layout.moduleDirectory]),
		assignment("default_storage", "memory"),
		"",
		"-- Speed: the content of stanzas stays bytes; Prosody's default collector takes half of its CPU",
		`RunScript(${luaString(`${layout.moduleDirectory}/xmppfed_stream.lua`)})`,
		`RunScript(${luaString(`${layout.moduleDirectory}/xmppfed_prepared_addresses.lua`)})`,
		assignment("gc", { mode: "incremental", threshold: 200, speed: 200 }),
		assignment("network_settings", {
			nagle: false,
			read_size: 65536,
			connect_timeout: connectSeconds[role],
			max_send_buffer_size: SEND_BUFFER_BYTES,
			tcp_backlog: TCP_BACKLOG,
		}),
		assignment("network_default_read_size", 65536),
		"",
		"-- HTTP: /ready, /live, /status",
		assignment("http_interfaces", layout.interfaces),
		assignment("http_ports", [httpPort]),
		assignment("https_ports", []),
		"",
		"-- This node",
		assignment("xmppfed_role", role),
		assignment("xmppfed_node", node.name),
		assignment("xmppfed_certificate", certificateFile(layout)),
		assignment("xmppfed_settings_directory", layout.settingsDirectory),
		assignment("xmppfed_dialback_directory", layout.dialbackDirectory),
		assignment("xmppfed_deregistration", drain.deregistrationSeconds),
		assignment("xmppfed_drain_limit", drain.limitSeconds),
		assignment("xmppfed_link_limit", drain.linkSeconds),
		assignment("s2s_close_timeout", drain.limitSeconds),
		assignment("s2s_stanza_size_limit", STANZA_BYTES),
		assignment("s2s_send_queue_size", 1),
		assignment("xmppfed_limits", limitDefaults(node, role)),
		assignment("s2s_timeout", unauthenticatedSeconds[role]),
		assignment("certificates", layout.certificateDirectory),
		assignment("xmppfed_link_tls", { directory: layout.linkDirectory, name: node.links.tlsName }),
		tls(node, role, layout),
	];
}

/** With the strategy Live a script adds the authorities that are there. An image that lacks it does not start. */
function tls(node: NodeIntent, role: GatewayRole, layout: GatewayLayout): string {
	const files = { certificate: certificateFile(layout), key: `${layout.certificateDirectory}/tls.key` };
	if (role === "router") return assignment("ssl", files);
	if (node.strategy !== "Live") return assignment("ssl", { ...files, ...authorities(node, layout), ciphers: CIPHERS });
	const script = `${layout.moduleDirectory}/xmppfed_trusted_authorities.lib.lua`;
	return `ssl = RunScript(${luaString(script)})(${luaValue({ ...files, ciphers: CIPHERS })})`;
}

/** Whom certificates of peers are verified with, on streams of both directions. Without `capath` the system's are not. */
function authorities({ secrets, systemRoots }: NodeIntent, layout: GatewayLayout) {
	return {
		...(secrets.trustedCAs !== undefined && { cafile: `${layout.trustedDirectory}/${trustedAuthoritiesKey}` }),
		...(systemRoots === false && { capath: false }),
	};
}

/** Prosody does not start without a VirtualHost. This one serves nobody: no service is loaded on it. */
export function placeholderHost(): string[] {
	return [
		"-- Prosody does not start without a VirtualHost. This one serves nobody.",
		`VirtualHost ${luaString("placeholder.invalid")}`,
		`\t${assignment("authentication", "anonymous")}`,
		`\t${assignment("modules_disabled", ["presence", "message", "iq", "offline", "c2s", "s2s", "tls", "saslauth", "dialback"])}`,
	];
}
