import { luaString, luaValue } from "../../../src/gateway/lua.ts";
import { domainsOf, type ServerOptions, type ServerProgram } from "./server.ts";

/** Prosody 13 of Debian trixie as a server with users and rooms. */
export function prosody(options: ServerOptions): ServerProgram {
	return {
		files: {
			"prosody.cfg.lua": configuration(options),
			"mod_plain_clients.lua": plainClients,
			"mod_stream_ends.lua": streamEnds,
		},
		startScript: startScript(options),
		packages: ["prosody", "lua-unbound", "ca-certificates"],
		user: "prosody",
	};
}

/** No STARTTLS for clients: those of the tests speak plain text, and mod_tls has no setting for it. */
const plainClients = 'module:hook("stream-features", function (event) event.origin.ssl_ctx = false; end, 1000);\n';

/** Like a server that goes: it takes what comes until the other side has closed the stream too. */
const streamEnds = `module:set_global();
local interval = module:get_option_number("stream_ends_every");
module:add_timer(interval, function ()
	for session in pairs(prosody.incoming_s2s) do
		if session.type == "s2sin" and not session.stream_ends then
			session.stream_ends = true;
			session:close();
		end
	end
	return interval;
end);
`;

const modules = ["roster", "saslauth", "tls", "dialback", "disco", "ping", "carbons", "vcard", "plain_clients"];

function configuration({ closesStreamsEvery: streamEndsEvery, ...options }: ServerOptions): string {
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
		`modules_enabled = ${luaValue([...modules, ...(streamEndsEvery ? ["stream_ends"] : [])])}`,
		...(streamEndsEvery ? [`stream_ends_every = ${streamEndsEvery}`] : []),
		...domainsOf(options).map((domain) => `VirtualHost ${luaString(domain)}`),
		`Component ${luaString(options.roomsDomain)} "muc"`,
		"",
	].join("\n");
}

function startScript(options: ServerOptions): string {
	return [
		"set -eu",
		'export XMPP_TEST_CONFIGURATION="$1"',
		'config="$1/prosody.cfg.lua"',
		...domainsOf(options).flatMap((domain) =>
			options.users.map(
				({ name, password }) =>
					`prosodyctl --config "$config" register ${quoted(name)} ${quoted(domain)} ${quoted(password)} >/dev/null`,
			),
		),
		'exec prosody --config "$config" -F',
		"",
	].join("\n");
}

function quoted(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`;
}
