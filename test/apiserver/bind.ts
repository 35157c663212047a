import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { run } from "../../deploy/lib/commands.ts";
import { ensurePackages } from "../../deploy/lib/packages.ts";
import { freePort } from "../lib/free-port.ts";

/** Who may change the zone (RFC 8945). */
const key = { name: "publisher", algorithm: "hmac-sha256" } as const;

/** A real name server (BIND) on loopback, with one empty zone that takes dynamic updates (RFC 2136), until the test ends. */
export async function startBind(zone: string) {
	await ensurePackages(["bind9", "bind9-dnsutils", "util-linux"]);
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-bind-"));
	const path = (name: string) => join(directory, name);
	const port = await freePort();
	const secret = randomBytes(32).toString("base64");
	const keyFile = `key "${key.name}" { algorithm ${key.algorithm}; secret "${secret}"; };\n`;
	await writeFile(path("key"), keyFile);
	await writeFile(
		path("zone"),
		`$TTL 60\n@ IN SOA ns.${zone}. hostmaster.${zone}. 1 60 60 60 60\n@ IN NS ns.${zone}.\nns IN A 127.0.0.1\n`,
	);
	await writeFile(
		path("named.conf"),
		`${keyFile}options { directory "${directory}"; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; ` +
			`pid-file "${path("pid")}"; session-keyfile "${path("session.key")}"; recursion no; dnssec-validation no; };\n` +
			"controls {};\n" +
			`zone "${zone}" { type primary; file "${path("zone")}"; ` +
			`allow-update { key "${key.name}"; }; allow-transfer { key "${key.name}"; }; };\n`,
	);
	// The kernel ends it with this process, also by SIGKILL.
	const named = ["--pdeathsig", "KILL", "--", "named", "-f", "-c", path("named.conf")];
	const child = spawn("setpriv", named, { stdio: "ignore" });
	onTestFinished(async () => {
		const gone = new Promise((resolve) => child.once("exit", resolve));
		child.kill("SIGTERM");
		await gone;
		await rm(directory, { recursive: true, force: true });
	});
	return {
		address: `127.0.0.1:${port}`,
		port,
		key: { ...key, secret },
		/** Changes the zone as somebody would by hand. @param lines of nsupdate */
		update: async (...lines: readonly string[]) => {
			const input = `server 127.0.0.1 ${port}\nzone ${zone}\n${lines.join("\n")}\nsend\n`;
			await run(["nsupdate", "-k", path("key")], { input });
		},
		/** What dig says of a name. */
		dig: async (name: string, type: string) => {
			const { stdout } = await run(["dig", "+noall", "+answer", "-p", String(port), "@127.0.0.1", name, type]);
			return stdout
				.split("\n")
				.filter((line) => line !== "")
				.map((line) => line.split(/\s+/).join(" "))
				.toSorted();
		},
	};
}
