import { stringify } from "yaml";
import { domainsOf, type ServerOptions, type ServerProgram } from "./server.ts";

/** ejabberd 24.12 of Debian trixie as a server with users and rooms. */
export function ejabberd(options: ServerOptions): ServerProgram {
	return {
		// ejabberd reads no aliases of YAML.
		files: { "ejabberd.yml": stringify(configuration(options), { aliasDuplicateObjects: false }) },
		startScript: startScript(options),
		packages: ["ejabberd", "ca-certificates"],
		user: "ejabberd",
	};
}

const modules = { mod_disco: {}, mod_ping: {}, mod_roster: {}, mod_s2s_dialback: {} };

function configuration(options: ServerOptions) {
	return {
		hosts: domainsOf(options),
		loglevel: "info",
		certfiles: [options.certificateFile],
		ca_file: "/etc/ssl/certs/ca-certificates.crt",
		listen: [
			{ port: options.clientPort, ip: "::", module: "ejabberd_c2s" },
			{ port: options.serverPort, ip: "::", module: "ejabberd_s2s_in" },
		],
		s2s_use_starttls: options.encryption === "Required" ? "required" : "optional",
		// Seconds; by default it waits up to five minutes before it tries a server again.
		s2s_max_retry_delay: 1,
		// Seconds; by default a stream whose other end vanished while it was being opened is waited for two minutes.
		negotiation_timeout: 10,
		auth_method: "internal",
		auth_password_format: "scram",
		modules,
		host_config: {
			[options.domain]: {
				modules: { ...modules, mod_muc: { host: options.roomsDomain, access: "all", access_create: "all" } },
			},
		},
	};
}

function startScript(options: ServerOptions): string {
	const users = domainsOf(options).flatMap((domain) =>
		options.users.map(
			({ name, password }) => `ejabberd_auth:try_register(${binary(name)}, ${binary(domain)}, ${binary(password)})`,
		),
	);
	return runEjabberd(options.dataDirectory, users);
}

/**
 * A shell script that runs ejabberd, with a file ejabberd.yml in the directory that is its only argument, and evaluates
 * Erlang expressions when it has started.
 *
 * Not by ejabberdctl: it wants Erlang's port mapper and a host name that resolves, and takes a second for each user.
 */
export function runEjabberd(dataDirectory: string, expressions: readonly string[] = []): string {
	return [
		"set -eu",
		'export EJABBERD_CONFIG_PATH="$1/ejabberd.yml"',
		`export EJABBERD_LOG_PATH=${dataDirectory}/ejabberd.log`,
		"export ERL_LIBS=$(echo /usr/lib/*-linux-gnu) ERL_CRASH_DUMP_BYTES=0",
		`export HOME=${dataDirectory}`,
		`exec erl -noinput -mnesia dir '"${dataDirectory}/database"' -s ejabberd -eval '${[...expressions, "ok."].join(", ")}'`,
		"",
	].join("\n");
}

function binary(text: string): string {
	if (!/^[\w.@-]+$/.test(text))
		throw new Error(`${JSON.stringify(text)} must be letters, digits, ".", "@", "_" and "-" here`);
	return `<<"${text}">>`;
}
