import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../deploy/lib/commands.ts";
import { ensurePackages } from "../../deploy/lib/packages.ts";
import { nftablesConfiguration } from "../../src/cli/firewall-nftables.ts";
import { firewallRules } from "../../src/cli/firewall-rules.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { Machine } from "./lib/machine.ts";
import { Network } from "./lib/network.ts";

/**
 * What `kubectl xmppfed firewall -o nftables` writes, loaded into a machine that forwards, and tried with real
 * connections: peers on the test's network, and behind it what a load balancer would be.
 */

const inside = ["10.0.0.10", "10.0.0.11"] as const;
const publicAddress = "192.0.2.5";
/** Of a peer whose SRV record names another one than 5269. */
const peerPort = 47_000;

let network: Network;
let peer: Machine;
let stranger: Machine;
let firewall: Machine;
let cluster: Machine;
const listening: ChildProcess[] = [];

/** Runs a command of this machine's in the network of another. */
async function inNetworkOf({ init }: Machine, command: readonly string[], input?: string): Promise<string> {
	const { stdout } = await run(["nsenter", `--target=${init}`, "--net", "--", ...command], { input });
	return stdout.trim();
}

/** What answers at an address and port, or nothing where no connection comes about. @param own address to connect from */
async function answerAt(from: Machine, address: string, port: number, own?: string): Promise<string> {
	const script = `
		const socket = require("node:net").connect(${JSON.stringify({ host: address, port, localAddress: own })});
		socket.setTimeout(2000, () => socket.destroy()).setEncoding("utf8");
		socket.on("data", (text) => { process.stdout.write(text); socket.destroy(); }).on("error", () => {});
	`;
	return await inNetworkOf(from, [process.execPath, "-e", script]);
}

beforeAll(async () => {
	await ensurePackages(["nftables"]);
	network = await Network.start();
	const nobody = network.address(1);
	peer = await network.machine("peer", 2, nobody);
	stranger = await network.machine("stranger", 3, nobody);
	firewall = await network.machine("firewall", 4, nobody);
	cluster = await network.machine("cluster", 5, nobody);
	// Another wire between firewall and cluster, which the peers are not on.
	const wire = ["ip", "link", "add", "inside", "type", "veth", "peer", "name", "wire", "netns", String(cluster.init)];
	await inNetworkOf(firewall, wire);
	await firewall.exec(["sh", "-c", "ip address add 10.0.0.1/24 dev inside && ip link set inside up"]);
	await inNetworkOf(firewall, ["sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1"]);
	const addresses = inside.map((address) => `ip address add ${address}/24 dev wire`).join(" && ");
	const back = `ip link set eth0 down && ip link set wire up && ip route add default via 10.0.0.1`;
	await cluster.exec(["sh", "-c", `${addresses} && ${back}`]);
	for (const machine of [peer, stranger]) {
		for (const route of [`${publicAddress}/32`, "10.0.0.0/24"]) {
			await machine.exec(["ip", "route", "add", route, "via", network.address(4)]);
		}
	}
	listen(cluster, inside, [5269, 25_269, 35_269, 22]);
	listen(peer, [network.address(2)], [5269, peerPort]);
	await waitFor("the listener inside", async () => (await answerAt(cluster, inside[0], 22)) !== "");
	await waitFor("that of the peer", async () => (await answerAt(peer, network.address(2), peerPort)) !== "");
});

/** Answers with address and port. */
function listen({ init }: Machine, addresses: readonly string[], ports: readonly number[]): void {
	const listener = `
		for (const address of ${JSON.stringify(addresses)}) for (const port of ${JSON.stringify(ports)}) require("node:net")
			.createServer((socket) => socket.end(address + ":" + port)).listen(port, address);
	`;
	// The kernel ends it with this process, also by SIGKILL.
	const command = ["--pdeathsig", "KILL", "--", "nsenter", `--target=${init}`, "--net", "--"];
	listening.push(spawn("setpriv", [...command, process.execPath, "-e", listener], { stdio: "inherit" }));
}

afterAll(async () => {
	for (const child of listening) child.kill();
	await network?.[Symbol.asyncDispose]();
});

/** @param change of the text, by whoever loads it */
async function load(
	sourceRanges: readonly string[],
	publicIp: string | undefined,
	change = (text: string) => text,
): Promise<void> {
	const service = { type: "LoadBalancer", machines: [], sourceRanges };
	const rules = firewallRules({
		namespace: "chat",
		federation: "example",
		services: new Map([
			["gw-1", { ...service, name: "example-public-gw-1", port: 5269, ingress: [inside[0]] }],
			["gw-2", { ...service, name: "example-public-gw-2", port: 25_269, ingress: [inside[1]] }],
		]),
		aliases: [
			{
				alias: "conference-1.example.com",
				node: "gw-1",
				service: { ...service, name: "example-alias", port: 35_269, ingress: [inside[1]] },
				publicIp,
			},
		],
		publicIps: new Map(publicIp === undefined ? [] : ["gw-1", "gw-2"].map((node) => [node, publicIp])),
		machines: [inside[0]],
	});
	await inNetworkOf(firewall, ["nft", "-f", "-"], `${change(nftablesConfiguration(rules))}\n`);
}

test("one public address with several ports leads to each node, and to a chat node", async () => {
	await load([], publicAddress);
	expect(await answerAt(peer, publicAddress, 5269)).toBe("10.0.0.10:5269");
	expect(await answerAt(peer, publicAddress, 25_269)).toBe("10.0.0.11:25269");
	expect(await answerAt(peer, publicAddress, 35_269)).toBe("10.0.0.11:35269");
	expect(await answerAt(peer, publicAddress, 22)).toBe("");
});

test("only the named sources come in", async () => {
	await load([`${network.address(2)}/32`], publicAddress);
	expect(await answerAt(peer, publicAddress, 5269)).toBe("10.0.0.10:5269");
	expect(await answerAt(stranger, publicAddress, 5269)).toBe("");
	expect(await answerAt(stranger, inside[0], 5269)).toBe("");
});

test("the lines are enough where all else is dropped: in as before, and out to any port from gateways' machines alone", async () => {
	const dropping = /(hook forward priority filter; policy) accept/;
	await load([], publicAddress, (text) => text.replace(dropping, "$1 drop"));
	expect(await answerAt(peer, publicAddress, 25_269)).toBe("10.0.0.11:25269");
	expect(await answerAt(peer, inside[0], 22)).toBe("");
	const [peerAddress, [gateway, other]] = [network.address(2), inside];
	for (const port of [5269, peerPort]) {
		expect(await answerAt(cluster, peerAddress, port, gateway)).toBe(`${peerAddress}:${port}`);
		expect(await answerAt(cluster, peerAddress, port, other)).toBe("");
	}
});

test("what is not the federation's is left to others", async () => {
	await load([`${network.address(2)}/32`], undefined);
	expect(await answerAt(stranger, inside[0], 22)).toBe("10.0.0.10:22");
});

test("loaded again it replaces itself", async () => {
	await load([], publicAddress);
	await load([`${network.address(2)}/32`], publicAddress);
	const table = await inNetworkOf(firewall, ["nft", "list", "table", "inet", "xmppfed_chat_example"]);
	expect(table.match(/dnat/g)).toHaveLength(3);
	expect(await answerAt(stranger, publicAddress, 5269)).toBe("");
});
