import { stringify } from "yaml";
import { luaString, luaValue } from "../../../src/gateway/lua.ts";
import { runEjabberd } from "../../lib/xmpp/ejabberd.ts";
import type { ServerProgram } from "../../lib/xmpp/server.ts";

/** Servers of many domains, each of which a component speaks for (`PlayedDomain`), with all that a peer can be in TLS. */

export const peerKinds = ["prosody", "ejabberd", "jabberd2"] as const;
export type PeerKind = (typeof peerKinds)[number];

/** broken: it has TLS, and of such a version that no handshake succeeds. */
export type PeerTls = "required" | "optional" | "none" | "broken";

export interface PeerOptions {
	readonly domains: readonly string[];
	readonly tls: PeerTls;
	/** Whether it uses SASL EXTERNAL and offers it. ejabberd always does, jabberd2 never. */
	readonly external: boolean;
	/** PEM file with certificate chain and key. */
	readonly certificateFile: string;
	/** Writable, for the server's own user. */
	readonly dataDirectory: string;
}

export const componentPort = 5347;
export const componentSecret = "secret";
const serverPort = 5269;
/** Where a server must have a domain of its own beside its components. */
const placeholder = "placeholder.invalid";

export const peerServers: Readonly<Record<PeerKind, (options: PeerOptions) => Omit<ServerProgram, "packages">>> = {
	prosody: (options) => ({
		files: { "prosody.cfg.lua": prosodyConfiguration(options) },
		startScript: 'exec prosody --config "$1/prosody.cfg.lua" -F\n',
		user: "prosody",
	}),
	ejabberd: (options) => ({
		files: { "ejabberd.yml": stringify(ejabberdConfiguration(options)) },
		startScript: runEjabberd(options.dataDirectory),
		user: "ejabberd",
	}),
	jabberd2: (options) => ({
		files: { ...jabberd2Configuration(options), "openssl.cnf": oldTls },
		startScript: [
			"set -eu",
			'cd "$1"',
			// Only the process with streams is old.
			"jabberd2-router -c router.xml &",
			"sleep 1",
			...(options.tls === "broken" ? ["export OPENSSL_CONF=openssl.cnf"] : []),
			"exec jabberd2-s2s -c s2s.xml",
			"",
		].join("\n"),
		user: "jabber",
	}),
};

function prosodyConfiguration({ domains, tls, external, certificateFile, dataDirectory }: PeerOptions): string {
	const certificate = { certificate: certificateFile, key: certificateFile };
	const assignments = {
		data_path: dataDirectory,
		certificates: dataDirectory,
		component_interfaces: ["*"],
		component_ports: [componentPort],
		s2s_ports: [serverPort],
		s2s_require_encryption: tls === "required",
		s2s_allow_encryption: tls !== "none",
		s2s_secure_auth: false,
		// Seconds, of 90: what it does not tell by then it would not tell later.
		s2s_timeout: 20,
		ssl: { ...certificate, ...(tls === "broken" && { protocol: "tlsv1_1" }) },
		limits: {},
		modules_enabled: ["tls", "dialback", ...(external ? ["saslauth"] : [])],
	};
	return [
		'log = { { to = "stdout", levels = { min = "info" }, timestamps = "%H:%M:%S" } }',
		...Object.entries(assignments).map(([name, value]) => `${name} = ${luaValue(value)}`),
		`VirtualHost ${luaString(placeholder)}`,
		...domains.flatMap((domain) => [
			`Component ${luaString(domain)}`,
			`\tcomponent_secret = ${luaString(componentSecret)}`,
		]),
		"",
	].join("\n");
}

const starttls = { required: "required", optional: "optional", broken: "optional", none: false } as const;

function ejabberdConfiguration({ domains, tls, certificateFile }: PeerOptions) {
	return {
		hosts: [placeholder],
		loglevel: "info",
		certfiles: [certificateFile],
		ca_file: "/etc/ssl/certs/ca-certificates.crt",
		listen: [
			{
				port: componentPort,
				ip: "::",
				module: "ejabberd_service",
				hosts: Object.fromEntries(domains.map((domain) => [domain, { password: componentSecret }])),
				global_routes: false,
			},
			{ port: serverPort, ip: "::", module: "ejabberd_s2s_in" },
		],
		s2s_use_starttls: starttls[tls],
		...(tls === "broken" && { s2s_protocol_options: ["no_tlsv1_2", "no_tlsv1_3"] }),
		// Seconds, as for the peers of other tests.
		s2s_max_retry_delay: 1,
		negotiation_timeout: 10,
		modules: { mod_s2s_dialback: {} },
	};
}

/** OpenSSL speaks TLS 1.1 at most. */
const oldTls = `openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
MaxProtocol = TLSv1.1
`;

function jabberd2Configuration({ tls, certificateFile, dataDirectory }: PeerOptions): Record<string, string> {
	const log = '<log type="stdout"/>';
	const pemfile = tls === "none" ? "" : `<pemfile>${certificateFile}</pemfile><verify-mode>0</verify-mode>`;
	return {
		"router-users.xml": `<users><user><name>jabberd</name><secret>${componentSecret}</secret></user></users>`,
		"router.xml": [
			`<router><id>router</id><pidfile>${dataDirectory}/router.pid</pidfile>${log}`,
			`<local><ip>0.0.0.0</ip><port>${componentPort}</port><users>router-users.xml</users>`,
			`<secret>${componentSecret}</secret></local>`,
			"<io><max_fds>4096</max_fds></io>",
			'<aci><acl type="all"><user>jabberd</user></acl></aci></router>',
		].join(""),
		"s2s.xml": [
			`<s2s><id>s2s</id><pidfile>${dataDirectory}/s2s.pid</pidfile>${log}`,
			`<router><ip>127.0.0.1</ip><port>${componentPort}</port><user>jabberd</user><pass>${componentSecret}</pass></router>`,
			`<local><ip>0.0.0.0</ip><port>${serverPort}</port>${pemfile}</local>`,
			"<io><max_fds>4096</max_fds></io>",
			// Seconds; by default it gives up after a minute, and leaves an address alone for an hour.
			"<check><interval>1</interval><queue>5</queue></check>",
			"<lookup><srv>xmpp-server</srv><min-ttl>1</min-ttl><bad-host-timeout>1</bad-host-timeout></lookup>",
			`<security>${tls === "required" ? "<require_tls/>" : ""}</security></s2s>`,
		].join(""),
	};
}
