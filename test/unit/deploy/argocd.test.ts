import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { root } from "../../../deploy/generate.ts";
import { requiredVersion } from "../../../deploy/toolchain/tools.ts";
import { kindTables } from "../../resources/kinds.ts";

const directory = join(root, "deploy/argocd");
const read = (path: string): unknown => parse(readFileSync(path, "utf8"));
const files = (name: string) => readdirSync(join(directory, name)).map((file) => join(directory, name, file));

const application = z.looseObject({
	kind: z.literal("Application"),
	spec: z.looseObject({ source: z.looseObject({ path: z.string() }) }),
});

test.each([join(directory, "root.yaml"), ...files("applications")])(
	"%s names a directory of this repository",
	(path) => {
		const { spec } = application.parse(read(path));
		expect(readdirSync(join(root, spec.source.path)).length).toBeGreaterThan(0);
	},
);

test.each(files("federation"))("%s is a resource without a fault", (path) => {
	const resource = read(path);
	const { kind } = z.looseObject({ kind: z.string() }).parse(resource);
	expect(kindTables.find((table) => table.kind === kind)?.parse(resource)).toMatchObject({ ok: true });
});

test("scripts are tried in the Lua that Argo CD has", () => {
	const [argocd, own] = ["argocd", "gopher-lua"].map((name) =>
		requiredVersion(readFileSync(join(root, "deploy/toolchain", name, "go.mod"), "utf8"), "github.com/yuin/gopher-lua"),
	);
	expect(own).toBe(argocd);
});
