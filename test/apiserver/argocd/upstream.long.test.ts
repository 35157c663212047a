import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { run } from "../../../deploy/lib/commands.ts";
import { toolSource } from "../../../deploy/toolchain/tools.ts";
import { aliasStates } from "./alias-states.ts";
import { federationStates } from "./federation-states.ts";
import { customizations } from "./lua.ts";
import { policyStates } from "./policy-states.ts";

/** What its tests of scripts do not need. */
const unneeded = ["docs", "manifests", "ui", "test"];

test("Argo CD's own tests take the scripts and their test data", { timeout: 1_200_000 }, async () => {
	const source = await toolSource("argocd");
	const copy = await mkdtemp(join(tmpdir(), "xmppfed-argo-cd-"));
	onTestFinished(async () => await rm(copy, { recursive: true, force: true }));
	await cp(source, copy, { recursive: true, filter: (path) => !unneeded.includes(relative(source, path)) });
	// The module cache is read-only.
	await run(["chmod", "-R", "u+w", copy]);
	const group = join(copy, "resource_customizations", "xmppfed.dev");
	await cp(customizations, group, { recursive: true });

	const command = ["go", "test", "-trimpath", "-count=1", "-v", "-run", "^TestLua", "./util/lua"];
	const { stdout, code } = await run(command, { cwd: copy, env: { CGO_ENABLED: "0", GOWORK: "off" }, accept: [0, 1] });
	expect(stdout.split("\n").filter((line) => /^\s*--- FAIL/.test(line))).toEqual([]);
	expect(code).toBe(0);
	const passed = [...stdout.matchAll(/--- PASS: TestLuaHealthScript\/(xmppfed\.dev\/\S+)/g)].map(([, name]) => name);
	const states = { XmppFederation: federationStates, FederationPolicy: policyStates, ChatNodeAlias: aliasStates };
	const all = Object.entries(states).flatMap(([kind, list]) =>
		list.map(({ name }) => `xmppfed.dev/${kind}/testdata/${name}.yaml`),
	);
	expect(passed).toHaveLength(all.length);
	expect(new Set(passed)).toEqual(new Set(all));
	expect(stdout).toContain("--- PASS: TestLuaResourceActionsScript/actions/pause/testdata/running.yaml");
	expect(stdout).toContain("--- PASS: TestLuaResourceActionsScript/actions/resume/testdata/paused.yaml");
});
