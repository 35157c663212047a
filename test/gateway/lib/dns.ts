import { readFile } from "node:fs/promises";
import { ensureTools } from "../../../deploy/toolchain/tools.ts";
import { waitFor } from "../../lib/xmpp/wait.ts";
import type { Machine } from "./machine.ts";
import type { Program } from "./program.ts";

const directory = "/etc/coredns";

/** CoreDNS in a machine. */
export async function startCoreDns(machine: Machine, name: string, corefile: string): Promise<Program> {
	const { coredns } = await ensureTools(["coredns"]);
	await machine.write("/usr/local/bin/coredns", await readFile(coredns), { mode: 0o755 });
	await machine.write(`${directory}/${name}.Corefile`, corefile);
	const program = await machine.run(name, ["/usr/local/bin/coredns", "-conf", `${directory}/${name}.Corefile`]);
	await waitFor(`${name} to serve`, () => program.lines.some((line) => line.includes("CoreDNS-")));
	return program;
}

/** What the DNS server of the network cannot answer, and says so. */
export const failingZone = "failing-dns.lab";

/** A DNS server for the whole network, that knows the given records and nothing else. */
export class Dns {
	/** Absent while it is stopped. */
	program: Program | undefined;
	readonly #machine: Machine;
	#serial = 0;

	static async start(machine: Machine, records: readonly string[]): Promise<Dns> {
		const dns = new Dns(machine);
		await dns.publish(records);
		await dns.resume();
		return dns;
	}

	private constructor(machine: Machine) {
		this.#machine = machine;
	}

	/** From now on look-ups get no answer. */
	async stop(): Promise<void> {
		this.program?.kill("SIGKILL");
		await this.program?.exit;
		this.program = undefined;
	}

	async resume(): Promise<void> {
		const failing = `${failingZone} {\n  template ANY ANY {\n    rcode SERVFAIL\n  }\n}\n`;
		const corefile = `. {\n  errors\n  file ${directory}/zone . {\n    reload 100ms\n  }\n}\n${failing}`;
		this.program = await startCoreDns(this.#machine, "dns", corefile);
	}

	/** Replaces all records: lines as in a zone file, names in full, without TTL. Seen after 0.2 s. */
	async publish(records: readonly string[]): Promise<void> {
		const soa = `@ SOA ns.lab. none.lab. ${++this.#serial} 1 1 1 0`;
		await this.#machine.write(
			`${directory}/zone`,
			`$ORIGIN .\n$TTL 1\n${[soa, "@ NS ns.lab.", ...records].join("\n")}\n`,
		);
	}
}
