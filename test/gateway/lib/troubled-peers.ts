import { luaString, luaValue } from "../../../src/gateway/lua.ts";
import { XmppClient } from "../../lib/xmpp/client.ts";
import { waitFor } from "../../lib/xmpp/wait.ts";
import { type Authority, type Pem, selfSigned } from "./certificates.ts";
import type { Network } from "./network.ts";
import type { Program } from "./program.ts";
import { local, password, trust } from "./world.ts";

/** What is wrong with each domain that {@link TroubledPeers} serve; nothing with the first. */
export const troubled = {
	valid: "valid.lab",
	expired: "expired.lab",
	notYetValid: "future.lab",
	selfSigned: "selfsigned.lab",
	wrongName: "wrongname.lab",
	withoutTls: "plain.lab",
	withoutDialback: "nodialback.lab",
	withoutExternal: "noexternal.lab",
	/** Trusts no authority but one that nobody has. */
	trustingNobody: "trustsnobody.lab",
	demandingTls: "demandstls.lab",
} as const;

const day = 86_400_000;
const directory = "/var/lib/troubled";

/** A Prosody with a VirtualHost for each domain, and a user `bob` of each. */
export class TroubledPeers {
	readonly #address: string;
	readonly program: Program;

	static async start(
		network: Network,
		number: number,
		nameserver: string,
		authority: Authority,
	): Promise<TroubledPeers> {
		const machine = await network.machine("troubled", number, nameserver);
		await trust(machine, authority);
		const user = await machine.userId("prosody");
		await machine.makeDirectory(directory, user);
		for (const [name, { certificate, key }] of Object.entries(await certificates(authority))) {
			await machine.write(`${directory}/${name}.pem`, `${certificate}\n${key}\n`, { mode: 0o400, owner: user });
		}
		await machine.write(`${directory}/prosody.cfg.lua`, configuration(), { owner: user });
		await machine.write(`${directory}/mod_plain_clients.lua`, plainClients, { owner: user });
		for (const domain of Object.values(troubled)) {
			await machine.exec(
				["prosodyctl", "--config", `${directory}/prosody.cfg.lua`, "register", "bob", domain, password],
				{
					user,
				},
			);
		}
		const program = await machine.run("prosody", ["prosody", "--config", `${directory}/prosody.cfg.lua`, "-F"], {
			user,
		});
		const peers = new TroubledPeers(network.address(number), program);
		await waitFor("the troubled Prosody to serve its users", async () => {
			await using client = await peers.login("bob", troubled.valid);
			return client.jid;
		});
		return peers;
	}

	private constructor(address: string, program: Program) {
		this.#address = address;
		this.program = program;
	}

	/** SRV and address records of all domains. */
	get records(): readonly string[] {
		return Object.values(troubled).flatMap((domain) => [
			`_xmpp-server._tcp.${domain}. SRV 0 0 5269 xmpp.${domain}.`,
			`xmpp.${domain}. A ${this.#address}`,
		]);
	}

	async login(user: string, domain: string): Promise<XmppClient> {
		return await XmppClient.login({ user, domain, password, host: this.#address, port: 5222 });
	}
}

async function certificates(authority: Authority): Promise<Record<keyof typeof troubled, Pem>> {
	const issue = async (name: string, from = -day, to = 30 * day) =>
		await authority.issue([name], { notBefore: new Date(Date.now() + from), notAfter: new Date(Date.now() + to) });
	return {
		valid: await issue(troubled.valid),
		expired: await issue(troubled.expired, -30 * day, -day),
		notYetValid: await issue(troubled.notYetValid, day),
		selfSigned: await selfSigned([troubled.selfSigned]),
		wrongName: await issue("another.lab"),
		withoutTls: await issue(troubled.withoutTls),
		withoutDialback: await selfSigned([troubled.withoutDialback]),
		withoutExternal: await issue(troubled.withoutExternal),
		trustingNobody: await selfSigned([troubled.trustingNobody]),
		demandingTls: await issue(troubled.demandingTls),
	};
}

const plainClients = 'module:hook("stream-features", function (event) event.origin.ssl_ctx = false; end, 1000);\n';

function tlsOf(name: string) {
	const file = `${directory}/${name}.pem`;
	return { certificate: file, key: file, ...(name === "trustingNobody" && { cafile: file, capath: false }) };
}

function configuration(): string {
	const host = (name: string, domain: string) => [
		`VirtualHost ${luaString(domain)}`,
		`\tssl = ${luaValue(tlsOf(name))}`,
		...(name === "withoutTls" ? ['\tmodules_disabled = { "tls" }', "\ts2s_require_encryption = false"] : []),
		...(name === "withoutDialback" ? ['\tmodules_disabled = { "dialback" }'] : []),
		...(name === "withoutExternal" ? ['\tmodules_disabled = { "saslauth" }'] : []),
		...(name === "demandingTls" ? ["\ts2s_require_encryption = true"] : []),
	];
	return [
		`data_path = ${luaString(directory)}`,
		'log = { { to = "stdout", levels = { min = "info" } } }',
		`plugin_paths = { ${luaString(directory)} }`,
		"c2s_require_encryption = false",
		"s2s_require_encryption = false",
		"s2s_secure_auth = false",
		// Whose certificate must verify. All hosts but one can tell that it does.
		`s2s_secure_domains = ${luaValue([local.domain])}`,
		`certificates = ${luaString(directory)}`,
		'authentication = "internal_hashed"',
		"limits = {}",
		'modules_enabled = { "roster", "saslauth", "tls", "dialback", "disco", "ping", "plain_clients" }',
		...Object.entries(troubled).flatMap(([name, domain]) => host(name, domain)),
		"",
	].join("\n");
}
