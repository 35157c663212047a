import { luaString, luaValue } from "../../../src/gateway/lua.ts";
import type { Pem } from "../../gateway/lib/certificates.ts";
import type { Machine } from "../../gateway/lib/machine.ts";
import type { Program } from "../../gateway/lib/program.ts";
import { Hopeless, waitFor } from "../../lib/xmpp/wait.ts";
import { RawClient } from "./raw-client.ts";

const directory = "/var/lib/xmpp-bench";
const dataDirectory = "/var/lib/prosody";
const clientPort = 5222;
const account = { user: "bench", password: "secret" } as const;

export interface DebianProsodyOptions {
	readonly address: string;
	/** Domains with users. */
	readonly domains: readonly string[];
	/** Domains on which nobody is: each stanza is answered with an error. */
	readonly emptyDomains?: readonly string[];
	readonly certificate: Pem;
	/** Whether other servers need a certificate that verifies. An internal server must not ask for one. */
	readonly needsCertificates: boolean;
	readonly modules: ServerModules;
}

/**
 * `debian`: what Debian's file enables, for an organization's users. `bare`: what a server needs to federate at all. A
 * stanza costs the latter half as much, so it is the harder comparison.
 */
export type ServerModules = "debian" | "bare";

const bareModules = ["roster", "saslauth", "tls", "dialback", "disco", "ping"];

/**
 * Prosody with the very configuration file of Debian's package, and its collector. What is added to it: domains, certificate, plain text for the clients of the bench, and no mod_limits, which would hold a peer to 30 kB/s.
 */
export class DebianProsody {
	readonly program: Program;
	readonly #options: DebianProsodyOptions;

	static async start(machine: Machine, options: DebianProsodyOptions): Promise<DebianProsody> {
		const user = await machine.userId("prosody");
		await machine.exec(["sh", "-c", `chown -R ${user}:${user} /etc/prosody && chmod -R u+rX /etc/prosody`]);
		for (const path of [directory, dataDirectory, "/run/prosody", "/var/log/prosody"]) {
			await machine.makeDirectory(path, user);
		}
		const { certificate, key } = options.certificate;
		await machine.write(`${directory}/server.pem`, `${certificate}\n${key}\n`, { mode: 0o400, owner: user });
		await machine.write(`${directory}/mod_bench_nobody.lua`, "-- Component on which nobody is\n");
		await machine.write("/etc/prosody/conf.d/bench.cfg.lua", additions(options), { owner: user });
		for (const domain of options.domains) {
			const path = `${dataDirectory}/${domain.replaceAll(/[^\w]/g, (character) => `%${hex(character)}`)}`;
			for (const part of [path, `${path}/accounts`]) await machine.makeDirectory(part, user);
			await machine.write(
				`${path}/accounts/${account.user}.dat`,
				`return { password = ${luaString(account.password)} };\n`,
				{ owner: user },
			);
		}
		const program = await machine.run("prosody", ["prosody", "-F"], { user });
		const server = new DebianProsody(program, options);
		await waitFor(
			`${program.name} to serve its users`,
			async () => {
				const log = await machine.exec(["tail", "-n", "20", "/var/log/prosody/prosody.log"]).catch(() => "");
				if (program.ended) throw new Hopeless(`${program.tail()}\n${log}`);
				using client = await server.login(options.domains.at(-1) ?? "");
				return client.jid;
			},
			{ timeout: 120_000, interval: 500 },
		);
		return server;
	}

	private constructor(program: Program, options: DebianProsodyOptions) {
		this.program = program;
		this.#options = options;
	}

	async login(domain: string): Promise<RawClient> {
		return await RawClient.login(this.#account(domain));
	}

	#account(domain: string) {
		return { ...account, domain, host: this.#options.address, port: clientPort };
	}
}

function additions({ domains, emptyDomains = [], needsCertificates, modules }: DebianProsodyOptions): string {
	const pem = luaString(`${directory}/server.pem`);
	return [
		...(modules === "bare" ? [`modules_enabled = ${luaValue(bareModules)}`] : []),
		'modules_disabled = { "limits" }',
		`plugin_paths = { ${luaString(directory)} }`,
		`s2s_secure_auth = ${needsCertificates}`,
		`s2s_ssl = { certificate = ${pem}, key = ${pem} }`,
		"c2s_require_encryption = false",
		"allow_unencrypted_plain_auth = true",
		...domains.map((domain) => `VirtualHost ${luaString(domain)}`),
		...emptyDomains.map((domain) => `Component ${luaString(domain)} "bench_nobody"`),
		"",
	].join("\n");
}

function hex(character: string): string {
	return character.charCodeAt(0).toString(16).padStart(2, "0");
}
