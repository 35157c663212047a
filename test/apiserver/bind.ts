import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { ensurePackages } from "../../deploy/lib/packages.ts";
import { bindFiles, newKey, zoneAt, zonePackages } from "../lib/bind.ts";
import { freePort } from "../lib/free-port.ts";

/** A real name server (BIND) on loopback, with one empty zone that takes dynamic updates, until the test ends. */
export async function startBind(zone: string) {
	await ensurePackages(["bind9", "util-linux", ...zonePackages]);
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-bind-"));
	const [host, port, key] = ["127.0.0.1", await freePort(), newKey()];
	const files = bindFiles({ zone, key, addresses: host, port, directory });
	for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
	// The kernel ends it with this process, also by SIGKILL.
	const named = ["--pdeathsig", "KILL", "--", "named", "-f", "-c", join(directory, "named.conf")];
	const child = spawn("setpriv", named, { stdio: "ignore" });
	onTestFinished(async () => {
		const gone = new Promise((resolve) => child.once("exit", resolve));
		child.kill("SIGTERM");
		await gone;
		await rm(directory, { recursive: true, force: true });
	});
	return { host, port, key, zone, ...zoneAt({ host, port }, zone, key) };
}
