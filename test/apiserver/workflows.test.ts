import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../deploy/generate.ts";
import { run } from "../../deploy/lib/commands.ts";
import { ensureTools } from "../../deploy/toolchain/tools.ts";

/** The workflows run on GitHub, never here: all that can be told of them is what actionlint and their text say. */
const directory = join(root, ".github/workflows");
const workflows = (await readdir(directory)).map((name) => join(directory, name));

test("actionlint finds nothing wrong", async () => {
	const { actionlint } = await ensureTools(["actionlint"]);
	// What is on the machine besides would decide what else is looked at.
	const { stdout, stderr } = await run([actionlint, "-shellcheck=", "-pyflakes=", ...workflows], { accept: [0, 1] });
	expect(`${stdout}${stderr}`).toBe("");
});

test.each(workflows)("actions in %s are pinned by digest, with the version beside it", async (workflow) => {
	const uses = [...(await readFile(workflow, "utf8")).matchAll(/uses: (.*)$/gm)].map(([, what = ""]) => what);
	expect(uses.length).toBeGreaterThan(0);
	for (const what of uses) expect(what).toMatch(/^(\.\/|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$)/);
});
