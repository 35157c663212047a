import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "ldapts";
import { onTestFinished } from "vitest";
import { run } from "../../deploy/lib/commands.ts";
import { ensurePackages } from "../../deploy/lib/packages.ts";
import { freePort } from "../lib/free-port.ts";
import { loopbackCertificates } from "./certificates.ts";
import { eventually } from "./support.ts";

const suffix = "dc=example,dc=com";
const admin = { dn: `cn=admin,${suffix}`, password: "of the admin" };

/** Who may read. */
export const reader = { dn: `uid=reader,${suffix}`, password: 'of the reader, "quoted"' };
export const baseDN = `ou=people,${suffix}`;

export interface Person {
	readonly uid: string;
	readonly mail: readonly string[];
}

/** OpenLDAP from Debian on loopback, with a directory and a configuration of its own; it ends with the test. */
export class Directory {
	readonly url: string;
	readonly tlsUrl: string;
	/** PEM: who signed its certificate. */
	readonly authority: string;
	readonly #configuration: string;
	#process: ChildProcess | undefined;

	static async start(people: readonly Person[]): Promise<Directory> {
		await ensurePackages(["slapd"]);
		const home = await mkdtemp(join(tmpdir(), "xmppfed-directory-"));
		onTestFinished(async () => await rm(home, { recursive: true }));
		const { ca, server } = await loopbackCertificates();
		const directory = new Directory(join(home, "slapd.conf"), [await freePort(), await freePort()], ca);
		await mkdir(join(home, "data"));
		await writeFile(join(home, "tls.crt"), server.certificate);
		await writeFile(join(home, "tls.key"), server.key);
		await writeFile(directory.#configuration, configuration(home));
		await writeFile(join(home, "people.ldif"), [...base, ...people.map(ldif)].join("\n"));
		await run(["/usr/sbin/slapadd", "-q", "-f", directory.#configuration, "-l", join(home, "people.ldif")]);
		await directory.start();
		onTestFinished(async () => await directory.stop());
		return directory;
	}

	private constructor(configurationFile: string, [port, tlsPort]: readonly [number, number], authority: string) {
		this.url = `ldap://127.0.0.1:${port}`;
		this.tlsUrl = `ldaps://127.0.0.1:${tlsPort}`;
		this.authority = authority;
		this.#configuration = configurationFile;
	}

	async start(): Promise<void> {
		const listeners = `${this.url} ${this.tlsUrl}`;
		this.#process = spawn("/usr/sbin/slapd", ["-d", "0", "-f", this.#configuration, "-h", listeners], {
			stdio: "ignore",
		});
		await eventually(async () => await this.#asAdmin(() => Promise.resolve(true)), "the directory to answer");
	}

	async stop(): Promise<void> {
		const running = this.#process;
		if (!running || running.exitCode !== null || running.signalCode !== null) return;
		running.kill("SIGTERM");
		await once(running, "exit");
	}

	async add({ uid, mail }: Person): Promise<void> {
		const attributes = { objectClass: "inetOrgPerson", uid, cn: uid, sn: uid, mail: [...mail] };
		await this.#asAdmin(async (client) => await client.add(`uid=${uid},${baseDN}`, attributes));
	}

	/** Says of a part of the directory that another one has it. */
	async refer(unit: string, url: string): Promise<void> {
		const attributes = { objectClass: ["referral", "extensibleObject"], ou: unit, ref: url };
		await this.#asAdmin(async (client) => await client.add(`ou=${unit},${baseDN}`, attributes));
	}

	async #asAdmin<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
		const client = new Client({ url: this.url, connectTimeout: 1_000, timeout: 5_000 });
		try {
			await client.bind(admin.dn, admin.password);
			return await work(client);
		} finally {
			await client.unbind();
		}
	}
}

/** Answers have at most 500 entries, as in most directories. */
function configuration(home: string): string {
	return [
		...["core", "cosine", "inetorgperson"].map((schema) => `include /etc/ldap/schema/${schema}.schema`),
		"modulepath /usr/lib/ldap",
		"moduleload back_mdb",
		`pidfile ${home}/slapd.pid`,
		`TLSCertificateFile ${home}/tls.crt`,
		`TLSCertificateKeyFile ${home}/tls.key`,
		// For what is not in it.
		"referral ldap://elsewhere.example",
		"sizelimit size.soft=500 size.hard=500 size.pr=500 size.prtotal=unlimited",
		"database mdb",
		"maxsize 1073741824",
		`suffix "${suffix}"`,
		`rootdn "${admin.dn}"`,
		`rootpw "${admin.password}"`,
		`directory ${home}/data`,
		"index objectClass eq",
		`access to * by dn.exact="${reader.dn}" read by anonymous auth by * none`,
		"",
	].join("\n");
}

const base = [
	`dn: ${suffix}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n`,
	`dn: ${baseDN}\nobjectClass: organizationalUnit\nou: people\n`,
	`dn: ${reader.dn}\nobjectClass: inetOrgPerson\nuid: reader\ncn: reader\nsn: reader\nuserPassword: ${reader.password}\n`,
];

function ldif({ uid, mail }: Person): string {
	const addresses = mail.map((address) => `mail: ${address}\n`).join("");
	return `dn: uid=${uid},${baseDN}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\n${addresses}`;
}
