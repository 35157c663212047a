import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { podLayout } from "../../src/gateway/layout.ts";
import { extractedRootfs } from "./lib/rootfs.ts";
import { local, trust, World } from "./lib/world.ts";

const findings = z.array(z.object({ id: z.string(), severity: z.string(), finding: z.string() }));
const harmless = new Set(["OK", "INFO", "LOW", "DEBUG"]);

/** What testssl.sh holds against the port and is as it should be, with the reason. */
const explained: Readonly<Record<string, string>> = {
	engine_problem: "of the scanner: Debian's OpenSSL has no GOST",
	cert_revocation: "of the test's certificate: its authority revokes nothing",
	overall_grade: "whoever uses STARTTLS gets T, for it can be taken away on the way. See downgrade.test.ts",
};

test.each([
	["an elliptic curve", {}],
	["RSA", { key: "RSA" }],
] as const)(
	"port 5269 with a certificate of %s: testssl.sh finds nothing above LOW that is not explained",
	async (_kind, options) => {
		await using world = await World.start({
			internal: "prosody",
			peers: [],
			users: ["alice"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		const node = world.node("gw-1");
		const notAfter = new Date(Date.now() + 90 * 86_400_000);
		const { certificate, key } = await world.authority.issue([local.domain, local.rooms], { ...options, notAfter });
		await node.machine.write(`${podLayout.certificateDirectory}/tls.crt`, certificate);
		await node.machine.write(`${podLayout.certificateDirectory}/tls.key`, key);
		await world.startNodes();
		const rootfs = await extractedRootfs(["testssl.sh", "socat"]);
		const scanner = await world.network.machine("scanner", 50, world.network.address(2), rootfs);
		await trust(scanner, world.authority);
		const report = "/tmp/scan.json";
		const scan = [
			"testssl",
			"--starttls=xmpp-server",
			`--xmpphost=${local.domain}`,
			"--add-ca=/etc/ssl/certs/test.pem",
			"--warnings=off",
			"--quiet",
			"--color=0",
			"--ip=one",
			"--nodns=min",
			`--jsonfile=${report}`,
			`${node.address}:${podLayout.federationPort}`,
		];
		// Below 50 it is how many things it holds against the port.
		await scanner.exec(["sh", "-c", `${scan.join(" ")} || test $? -lt 50`]);
		const found = findings.parse(JSON.parse(await readFile(scanner.path(report), "utf8")));
		console.log(found.map(({ id, severity, finding }) => `${severity.padEnd(8)} ${id}: ${finding}`).join("\n"));
		expect(found.length).toBeGreaterThan(50);
		expect(found.filter(({ id, severity }) => !harmless.has(severity) && !(id in explained))).toEqual([]);
	},
);
