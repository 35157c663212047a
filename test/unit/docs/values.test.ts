import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { root } from "../../../deploy/generate.ts";
import { allPages } from "../../lib/pages.ts";

test("docs/installation.md names values that the chart has, with the defaults that are none of words", async () => {
	const values: unknown = parse(await readFile(join(root, "charts/xmpp-federation-operator/values.yaml"), "utf8"));
	const table = (await allPages()).get("docs/installation.md")?.tables.find(({ head }) => head[0] === "Value");
	const told = (table?.rows ?? []).flatMap(([paths = "", fallback = ""]) =>
		paths.split(", ").map((path) => [path, fallback] as const),
	);
	expect(told.length).toBeGreaterThan(10);
	const missing = told.filter(([path]) => valueOf(values, path) === undefined);
	expect(missing).toEqual([]);
	// A number, a list of such or a switch is told as it is, the rest in words.
	const plain = told.filter(([, fallback]) => /^[\d, ]+$|^(true|false)$/.test(fallback));
	expect(plain.length).toBeGreaterThan(5);
	expect(plain).toEqual(plain.map(([path]) => [path, [valueOf(values, path)].flat().join(", ")]));
});

function valueOf(values: unknown, path: string): unknown {
	return path.split(".").reduce<unknown>((within, key) => Object(within)[key], values);
}
