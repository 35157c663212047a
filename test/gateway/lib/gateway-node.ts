import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CheckStep, readStep } from "../../../src/cli/check-view.ts";
import type { FailureCause } from "../../../src/gateway/failure-causes.ts";
import { federationConfiguration } from "../../../src/gateway/federation.ts";
import { imageCheckScript } from "../../../src/gateway/image-check.ts";
import {
	configurationDirectory,
	configurationKeys,
	credentialNames,
	credentialsDirectory,
	podLayout,
} from "../../../src/gateway/layout.ts";
import { routerConfiguration } from "../../../src/gateway/router.ts";
import { type SettingsFiles, settingsFiles } from "../../../src/gateway/settings.ts";
import type { NodeIntent } from "../../../src/model/intent.ts";
import { Hopeless, waitFor } from "../../lib/xmpp/wait.ts";
import type { Pem } from "./certificates.ts";
import { type LinkFiles, mountLinkFiles } from "./link-files.ts";
import type { Machine } from "./machine.ts";
import { mountFiles } from "./mounted-files.ts";
import type { Program } from "./program.ts";

export type Role = "router" | "federation";

/** The user of the gateway image. */
const USER = 10001;
const source = join(dirname(fileURLToPath(import.meta.url)), "../../../deploy/gateway");
const httpPorts = { router: podLayout.routerHttpPort, federation: podLayout.federationHttpPort } as const;

export interface Secrets {
	readonly link: string;
	readonly dialback: string;
}

/** Answer of /ready; /status has these fields and more. */
export interface Readiness {
	readonly ready: boolean;
	readonly role: Role;
	readonly node: string;
	readonly reasons: readonly { readonly reason: string; readonly message: string }[];
}

export interface Stream {
	readonly peer?: string;
	readonly local?: string;
	readonly direction: "incoming" | "outgoing";
	readonly state: "Authenticated" | "Negotiating";
	readonly address?: string;
	readonly tls?: { readonly version: string; readonly cipher: string };
	readonly authentication?: "SASL EXTERNAL" | "dialback in TLS" | "dialback";
	readonly certificate?: {
		readonly state: "Valid" | "WrongName" | "Untrusted" | "Expired" | "NotYetValid";
		readonly detail?: string;
		readonly issuer?: string;
		readonly names?: readonly string[];
		readonly moreNames?: number;
		readonly notBefore?: string;
		readonly notAfter?: string;
	};
	readonly since?: string;
	readonly stanzas: number;
	readonly queued: number;
}

export interface Link {
	readonly domain: string;
	readonly node?: string;
	readonly address: string;
	readonly state: "Up" | "Down" | "Draining" | "Withdrawn";
	readonly since?: string;
	readonly sent: number;
	readonly received?: number;
	readonly tls?: { readonly version: string; readonly cipher: string };
	readonly lastFailure?: { readonly at: string; readonly reason: string };
}

interface Certificate {
	readonly file: string;
	readonly notAfter?: string;
	/** SHA-256 of the file, with that of the trusted authorities behind it, hexadecimal digits. */
	readonly digest?: string;
	readonly failure?: string;
}

/** What a router says of email addresses. */
interface EmailAddresses {
	readonly digest?: string;
	readonly mappings: number;
	readonly unmappedUsers: "Refuse" | "PassThrough";
	readonly since?: string;
	readonly failure?: string;
}

interface Settings {
	readonly revision?: string;
	readonly failure?: string;
	readonly since?: string;
	/** SHA-256 of the file of each setting that is used. */
	readonly used: Readonly<Record<string, string>>;
}

/** What a process has in force of what it takes over while it runs. */
interface InForce extends Pick<Status, "certificate" | "settings" | "linkCertificate"> {
	/** Of a federation connection manager. */
	readonly policy?: { readonly digest?: string; readonly failure?: string };
	/** Of a router, where users have email addresses. */
	readonly emailAddresses?: EmailAddresses;
}

export interface Status extends Readiness {
	readonly started: string;
	readonly version: string;
	readonly certificate: Certificate;
	readonly settings: Settings;
	readonly dialback: { readonly accepted: readonly string[]; readonly failure?: string };
	readonly streams: readonly Stream[];
	readonly links: readonly Link[];
	readonly linkCertificate: { readonly notAfter?: string; readonly failure?: string };
	/** Of a federation connection manager. */
	readonly refusedLinks?: readonly {
		readonly address: string;
		readonly at: string;
		readonly reason: string;
		readonly count: number;
	}[];
	/** Of a federation connection manager that has one. */
	readonly policy?: {
		readonly digest?: string;
		readonly default: "Allow" | "Deny";
		readonly enforcement: "Enforce" | "Audit";
		readonly exceptions: number;
		readonly since: string;
		readonly reading?: string;
		readonly failure?: string;
		readonly wouldDeny: readonly {
			readonly peer: string;
			readonly incoming: number;
			readonly outgoing: number;
			readonly since: string;
			readonly last: string;
		}[];
	};
	/** Of a router, where users have email addresses. */
	readonly emailAddresses?: EmailAddresses;
	/** Of a router. */
	readonly remoteDomains?: { readonly inUse: number; readonly limit: number };
	/** Of a router. */
	readonly upstreams?: readonly {
		readonly domain: string;
		readonly host: string;
		readonly port: number;
		readonly reachable: boolean;
		/** Absent until the server has said. */
		readonly served?: boolean;
		readonly failure?: string;
	}[];
	readonly failures: readonly {
		readonly peer: string;
		readonly local?: string;
		readonly direction: "incoming" | "outgoing";
		readonly at: string;
		readonly cause: FailureCause;
		readonly detail?: string;
	}[];
}

/** A gateway node in a machine, as a pod has it: the image's files, a read-only root, a user without rights. */
export class GatewayNode {
	readonly machine: Machine;
	readonly address: string;
	programs: Partial<Record<Role, Program>> = {};
	intent: NodeIntent;

	static async install(
		machine: Machine,
		address: string,
		intent: NodeIntent,
		certificate: Pem,
		link: LinkFiles,
	): Promise<GatewayNode> {
		const modules = join(source, "modules");
		for (const name of await readdir(modules)) {
			await machine.write(`${podLayout.moduleDirectory}/${name}`, await readFile(join(modules, name)));
		}
		await machine.write("/usr/bin/xmppfed-gateway", await readFile(join(source, "xmppfed-gateway")), { mode: 0o755 });
		await machine.seal([podLayout.dataDirectory]);
		const node = new GatewayNode(machine, address, intent);
		await node.mountCertificate(certificate);
		await machine.write(`${configurationDirectory}/${configurationKeys.imageCheck}`, imageCheckScript);
		await node.mountLinkFiles(link);
		await node.mountSettings();
		await node.mountDialbackSecrets({});
		return node;
	}

	private constructor(machine: Machine, address: string, intent: NodeIntent) {
		this.machine = machine;
		this.address = address;
		this.intent = intent;
	}

	/**
	 * Gives the node the federation's certificate, also while it runs.
	 *
	 * @param authorities with the strategy Live: what else is in the directory, by name
	 */
	async mountCertificate({ certificate, key }: Pem, authorities: Readonly<Record<string, string>> = {}): Promise<void> {
		const files = { "tls.crt": certificate, "tls.key": key, ...authorities };
		await mountFiles(this.machine, podLayout.certificateDirectory, files, USER);
	}

	/** Gives the node what its links are secured with, also while it runs. */
	async mountLinkFiles(files: LinkFiles): Promise<void> {
		await mountLinkFiles(this.machine, podLayout.linkDirectory, files, USER);
	}

	/** Gives the node's processes settings, also while they run: those of its intent, which may have changed, or others. */
	async mountSettings(files: SettingsFiles = settingsFiles(this.intent)): Promise<void> {
		await mountFiles(this.machine, podLayout.settingsDirectory, files, USER);
	}

	/** Gives the node's processes the dialback secrets to accept, by names that tell them apart, also while they run. */
	async mountDialbackSecrets(secrets: Readonly<Record<string, string>>): Promise<void> {
		await mountFiles(this.machine, podLayout.dialbackDirectory, secrets, USER);
	}

	/** Gives the node files of a mapping of email addresses, also while it runs. */
	async mountEmailAddresses(files: Readonly<Record<string, string>>): Promise<void> {
		await mountFiles(this.machine, podLayout.emailAddressesDirectory, files, USER);
	}

	/** Starts the processes that the node has: the router, and on an Enabled node the federation connection manager. */
	async start(secrets: Secrets): Promise<void> {
		await this.mountSettings();
		await this.startRole("router", secrets);
		if (this.intent.federation === "Enabled") await this.startRole("federation", secrets);
	}

	/** `settings` are Lua assignments, one a line, in place of those that the role's configuration has. */
	async startRole(role: Role, secrets: Secrets, settings = ""): Promise<Program> {
		const names = settings.split("\n").map((line) => line.split(" = ", 1)[0]);
		const text = (role === "router" ? routerConfiguration(this.intent) : federationConfiguration(this.intent))
			.split("\n")
			.filter((line) => !names.includes(line.split(" = ", 1)[0]) || line === "")
			.join("\n");
		await this.machine.write(`${configurationDirectory}/${configurationKeys[role]}`, `${settings}\n${text}`);
		for (const name of ["link", "dialback"] as const) {
			const file = `${credentialsDirectory}/${credentialNames[name]}`;
			// Not again while the other process may be reading it: it would find it empty.
			if ((await readFile(this.machine.path(file), "utf8").catch(() => undefined)) === secrets[name]) continue;
			await this.machine.write(file, secrets[name], { owner: USER, mode: 0o400 });
		}
		const program = await this.machine.run(role, ["/usr/bin/xmppfed-gateway", role], {
			user: USER,
			env: { CREDENTIALS_DIRECTORY: credentialsDirectory },
		});
		this.programs[role] = program;
		return program;
	}

	program(role: Role): Program {
		const program = this.programs[role];
		if (!program) throw new Error(`${role} of ${this.intent.name} was not started`);
		return program;
	}

	async get(role: Role, path: string, headers: Record<string, string> = {}): Promise<Response> {
		return await fetch(`http://${this.address}:${httpPorts[role]}${path}`, {
			headers: { connection: "close", ...headers },
			signal: AbortSignal.timeout(5_000),
		});
	}

	async readiness(role: Role): Promise<Readiness & { readonly code: number }> {
		const response = await this.get(role, "/ready");
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the modules answer is what is tested
		return { ...((await response.json()) as Readiness), code: response.status };
	}

	/** `query`: nothing, or from the `?` on. */
	async status(role: Role, query = ""): Promise<Status> {
		const response = await this.get(role, `/status${query}`);
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the modules answer is what is tested
		return (await response.json()) as Status;
	}

	/** What `kubectl xmppfed check` runs in the pod, by exec. */
	async check(peer: string, domain: string): Promise<{ readonly code: number; readonly steps: readonly CheckStep[] }> {
		const command = ["sh", "-c", '/usr/bin/xmppfed-gateway check "$@"; echo $?', "check", peer, domain];
		const output = await this.machine.exec(command, {
			user: USER,
			env: { CREDENTIALS_DIRECTORY: credentialsDirectory },
		});
		const lines = output.trim().split("\n");
		return { code: Number(lines.at(-1)), steps: lines.slice(0, -1).flatMap((line) => readStep(line) ?? []) };
	}

	async inForce(role: Role): Promise<InForce> {
		const response = await this.get(role, "/status/settings");
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the modules answer is what is tested
		return (await response.json()) as InForce;
	}

	async waitUntilReady(): Promise<void> {
		for (const role of ["router", "federation"] as const) {
			const program = this.programs[role];
			if (!program) continue;
			await waitFor(`${program.name} to be ready`, async () => {
				if (program.ended) throw new Hopeless(program.tail());
				const readiness = await this.readiness(role);
				if (!readiness.ready) {
					const tails = Object.values(this.programs).map((each) => each.tail());
					throw new Error(`${JSON.stringify(readiness.reasons)}\n${tails.join("\n")}`);
				}
				return true;
			});
		}
	}
}
