import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { Connection, loadKubeConfig } from "../../../src/kubernetes/connection.ts";

/** A kubeconfig with one user, and files beside it. Names of two kubeconfigs must differ. */
function kubeconfigOf(user: object, files: Readonly<Record<string, string>> = {}, name = "u"): string {
	const path = mkdtempSync(join(tmpdir(), "xmppfed-kubeconfig-"));
	onTestFinished(() => rmSync(path, { recursive: true }));
	const kubeconfig = {
		"current-context": name,
		clusters: [{ name, cluster: { server: "https://192.0.2.1" } }],
		contexts: [{ name, context: { cluster: name, user: name } }],
		users: [{ name, user }],
	};
	for (const [file, text] of Object.entries({ config: JSON.stringify(kubeconfig), ...files })) {
		writeFileSync(join(path, file), text);
	}
	return join(path, "config");
}

async function authorization(kubeconfig?: string): Promise<string | undefined> {
	const connection = new Connection(loadKubeConfig({ kubeconfig }));
	onTestFinished(async () => await connection.close());
	return (await connection.authenticate()).headers["authorization"];
}

test("a token file is used, by a path relative to the kubeconfig, before a token", async () => {
	const kubeconfig = kubeconfigOf({ tokenFile: "token", token: "in the kubeconfig" }, { token: "in the file\n" });
	expect(await authorization(kubeconfig)).toBe("Bearer in the file");
});

test("of the kubeconfigs in $KUBECONFIG the one counts that has the user", async () => {
	const other = kubeconfigOf({ token: "of another" }, {}, "other");
	const own = kubeconfigOf({ tokenFile: "token" }, { token: "in the file" });
	vi.stubEnv("KUBECONFIG", `${own}:${other}`);
	onTestFinished(() => void vi.unstubAllEnvs());
	expect(await authorization()).toBe("Bearer in the file");
	// The first context counts.
	vi.stubEnv("KUBECONFIG", `${other}:${own}`);
	expect(await authorization()).toBe("Bearer of another");
	writeFileSync(other, readFileSync(other, "utf8").replace('"current-context":"other",', ""));
	expect(await authorization()).toBe("Bearer in the file");
});

test("without one the token counts", async () => {
	expect(await authorization(kubeconfigOf({ token: "in the kubeconfig" }))).toBe("Bearer in the kubeconfig");
});
