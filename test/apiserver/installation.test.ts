import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { root } from "../../deploy/generate.ts";
import { run } from "../../deploy/lib/commands.ts";
import { releaseManifest } from "../../deploy/release-manifest.ts";
import { startControlPlane } from "./control-plane.ts";

test("the commands of docs/installation.md work as they stand there, one after the other", async () => {
	const binaries = inject("binaries");
	// Its own: it installs and removes definitions.
	const own = await startControlPlane(binaries);
	onTestFinished(async () => await own.stop());
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-installation-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	for (const part of ["charts", "crds", "deploy/operator"]) {
		await cp(join(root, part), join(directory, part), { recursive: true });
	}
	// What `npm run build` makes.
	await mkdir(join(directory, "dist"));
	await writeFile(join(directory, "dist/xmppfed-operator.yaml"), await releaseManifest());

	const page = await readFile(join(root, "docs/installation.md"), "utf8");
	const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = ""]) => commands);
	expect(blocks.length).toBeGreaterThan(5);
	const programs = [binaries.helm, binaries.kubectl].map((path) => dirname(path));
	const env = {
		KUBECONFIG: own.kubeconfig,
		HOME: directory,
		PATH: [...programs, process.env["PATH"]].join(delimiter),
	};
	for (const commands of blocks) {
		const { code, stdout, stderr } = await run(["sh", "-euc", commands], { cwd: directory, env, accept: [0, 1] });
		expect(code, `${commands}\n${stdout}${stderr}`).toBe(0);
	}
	const left = await run([binaries.kubectl, "get", "crds,clusterroles,deployments", "-A", "-o", "name"], { env });
	expect(left.stdout).toContain("deployment.apps/xmpp-federation-operator");
	expect(left.stdout).toContain("deployment.apps/edge-xmpp-federation-operator");
	expect(left.stdout).not.toContain("customresourcedefinition");
	expect(left.stdout).not.toContain("/xmppfed-xmpp-federation-operator");
}, 180_000);
