import { luaString, luaValue } from "../../../src/gateway/lua.ts";
import type { ServerOptions, ServerProgram } from "./server.ts";

/** Prosody 13 of Debian trixie as a server with users and rooms. */
export function prosody(options: ServerOptions): ServerProgram {
	return {
		files: { "prosody.cfg.lua": configuration(options), "mod_plain_clients.lua": plainClients },
		startScript: startScript(options),
		packages: ["prosody", "lua-unbound", "ca-certificates"],
		user: "prosody",
	};
}

/** No STARTTLS for clients: those of the tests speak plain text, and mod_tls has no setting for it. */
const plainClients = 'module:hook("stream-features", function (event) event.origin.ssl_ctx = false; end, 1000);\n';

function configuration(options: ServerOptions): string {
	return [
		`data_path = ${luaString(options.dataDirectory)}`,
		'log = { { to = "stdout", levels = { min = "info" }, timestamps = "%H:%M:%S" } }',
		`c2s_ports = { ${options.clientPort} }`,
		`s2s_ports = { ${options.serverPort} }`,
		"plugin_paths = { ENV_XMPP_TEST_CONFIGURATION }",
		"c2s_require_encryption = false",
		`s2s_require_encryption = ${options.encryption === "Required"}`,
		"s2s_secure_auth = false",
		`s2s_ssl = { certificate = ${luaString(options.certificateFile)}, key = ${luaString(options.certificateFile)} }`,
		`certificates = ${luaString(options.dataDirectory)}`,
		'authentication = "internal_hashed"',
		"limits = {}",
		`modules_enabled = ${luaValue(["roster", "saslauth", "tls", "dialback", "disco", "ping", "plain_clients"])}`,
		`VirtualHost ${luaString(options.domain)}`,
		`Component ${luaString(options.roomsDomain)} "muc"`,
		"",
	].join("\n");
}

function startScript(options: ServerOptions): string {
	return [
		"set -eu",
		'export XMPP_TEST_CONFIGURATION="$1"',
		'config="$1/prosody.cfg.lua"',
		...options.users.map(
			({ name, password }) =>
				`prosodyctl --config "$config" register ${quoted(name)} ${quoted(options.domain)} ${quoted(password)} >/dev/null`,
		),
		'exec prosody --config "$config" -F',
		"",
	].join("\n");
}

function quoted(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`;
}
