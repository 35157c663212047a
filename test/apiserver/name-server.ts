import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { ensurePackages } from "../../deploy/lib/packages.ts";
import { freePort } from "../lib/free-port.ts";

/** A real name server (NSD) on loopback with one zone, until the test ends. */
export async function startNameServer(zone: string) {
	await ensurePackages(["nsd", "util-linux"]);
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-nsd-"));
	const port = await freePort();
	const path = (name: string) => join(directory, name);
	/** @param lines of a zone file, with full names */
	const publish = async (lines: string) => {
		const head = `${zone}. 60 IN SOA ns.${zone}. hostmaster.${zone}. ${Date.now() % 1e9} 60 60 60 60\n${zone}. 60 IN NS ns.${zone}.\n`;
		await writeFile(path("zone"), `${head}${lines}\n`);
	};
	await publish("");
	const server = [
		`ip-address: 127.0.0.1@${port}`,
		"server-count: 1",
		'username: ""',
		'chroot: ""',
		'logfile: ""',
		`zonesdir: ${directory}`,
		`pidfile: ${path("pid")}`,
		`xfrdfile: ${path("xfrd")}`,
		`zonelistfile: ${path("zonelist")}`,
		`xfrdir: ${directory}`,
	];
	const text = `server:\n${server.map((line) => `  ${line}\n`).join("")}zone:\n  name: ${zone}\n  zonefile: zone\nremote-control:\n  control-enable: no\n`;
	await writeFile(path("nsd.conf"), text);
	let child = start();
	function start() {
		// The kernel ends it with this process, also by SIGKILL.
		return spawn("setpriv", ["--pdeathsig", "KILL", "--", "nsd", "-d", "-c", path("nsd.conf")], { stdio: "ignore" });
	}
	const stop = async () => {
		const gone = new Promise((resolve) => child.once("exit", resolve));
		child.kill("SIGTERM");
		await gone;
	};
	onTestFinished(async () => {
		await stop();
		await rm(directory, { recursive: true, force: true });
	});
	return {
		address: `127.0.0.1:${port}`,
		/** Serves these lines from now on. */
		publish: async (lines: string) => {
			await stop();
			await publish(lines);
			child = start();
		},
	};
}
