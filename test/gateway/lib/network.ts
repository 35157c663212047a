import { networkInterfaces } from "node:os";
import { run } from "../../../deploy/lib/commands.ts";
import { ensurePackages } from "../../../deploy/lib/packages.ts";
import { Machine, removeRemains } from "./machine.ts";
import { extractedRootfs } from "./rootfs.ts";

/** Networks of tests are 10.213.N.0/24; the test itself has the address 10.213.N.1 on the interface xfgwN. */
const NETWORK = "10.213";
const INTERFACE = "xfgw";

/** A network with machines, apart from the machine's own but for one interface. Gone when this process ends. */
export class Network implements AsyncDisposable {
	readonly #switch: Machine;
	readonly #rootfs: string;
	readonly #number: number;
	readonly machines: Machine[] = [];

	static async start(): Promise<Network> {
		if (process.getuid?.() !== 0) throw new Error("these tests make network namespaces: run them as root");
		await ensurePackages(["iproute2", "util-linux"]);
		await removeRemains();
		const rootfs = await extractedRootfs();
		const hub = await Machine.start("switch", rootfs);
		await hub.exec(["sh", "-c", "ip link add switch type bridge && ip link set switch up"]);
		for (let number = 0; number < 200; number++) {
			const name = `${INTERFACE}${number}`;
			if (networkInterfaces()[name]) continue;
			try {
				// Its name is the lock: of two runs at once one fails here and takes the next.
				await run(["ip", "link", "add", name, "type", "veth", "peer", "name", "test", "netns", String(hub.init)]);
			} catch {
				continue;
			}
			await run(["ip", "address", "add", `${NETWORK}.${number}.1/24`, "dev", name]);
			await run(["ip", "link", "set", name, "up"]);
			await hub.exec(["sh", "-c", "ip link set test master switch up"]);
			return new Network(hub, rootfs, number);
		}
		throw new Error(`every interface ${INTERFACE}0 to ${INTERFACE}199 is in use: remove them with "ip link delete"`);
	}

	private constructor(hub: Machine, rootfs: string, number: number) {
		this.#switch = hub;
		this.#rootfs = rootfs;
		this.#number = number;
	}

	/** The IPv4 address of the machine with that number (2 to 254). */
	address(machine: number): string {
		return `${NETWORK}.${this.#number}.${machine}`;
	}

	/** Gives the test itself that many more addresses, from that of number 100 on. */
	async addAddresses(count: number): Promise<readonly string[]> {
		const addresses = Array.from({ length: count }, (_, index) => this.address(100 + index));
		const device = `${INTERFACE}${this.#number}`;
		await run(["ip", "-batch", "-"], {
			input: addresses.map((each) => `address add ${each}/24 dev ${device}\n`).join(""),
		});
		return addresses;
	}

	/** Its IPv6 address. */
	address6(machine: number): string {
		return `fd00:${(0xd500 + this.#number).toString(16)}::${machine.toString(16)}`;
	}

	/** Starts a machine with the addresses of that number; look-ups go to the address `nameserver`. */
	async machine(name: string, number: number, nameserver: string, rootfs = this.#rootfs): Promise<Machine> {
		const machine = await Machine.start(name, rootfs);
		this.machines.push(machine);
		const link = [
			"ip",
			"link",
			"add",
			`m${number}`,
			"type",
			"veth",
			"peer",
			"name",
			"eth0",
			"netns",
			String(machine.init),
		];
		// Only its network namespace: in its process namespace the process id would mean another process.
		await run(["nsenter", `--target=${this.#switch.init}`, "--net", ...link]);
		await this.#switch.exec(["ip", "link", "set", `m${number}`, "master", "switch", "up"]);
		const addresses = [`${this.address(number)}/24`, `${this.address6(number)}/64`].map(
			(address) => `ip address add ${address} dev eth0${address.includes(":") ? " nodad" : ""} && `,
		);
		await machine.exec(["sh", "-c", `${addresses.join("")}ip link set eth0 up`]);
		await machine.write("/etc/resolv.conf", `nameserver ${nameserver}\n`);
		await machine.write("/etc/hosts", "127.0.0.1 localhost\n");
		return machine;
	}

	/** Cuts a machine off from all others, or connects it again. */
	async setConnected(number: number, connected: boolean): Promise<void> {
		await this.#switch.exec(["ip", "link", "set", `m${number}`, connected ? "up" : "down"]);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await Promise.all(this.machines.map((machine) => machine[Symbol.asyncDispose]()));
		await this.#switch[Symbol.asyncDispose]();
	}
}
