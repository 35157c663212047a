import { access } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../deploy/generate.ts";
import { allPages } from "../../lib/pages.ts";

const pages = await allPages();

test("every link inside the repository leads to a file, and to a heading of it", async () => {
	const found = [...pages].flatMap(([page, { links }]) => links.map((link) => ({ page, ...link })));
	const inside = found.filter(({ target }) => !/^[a-z]+:/.test(target));
	expect(inside.length).toBeGreaterThan(50);
	const dead = await Promise.all(
		inside.map(async ({ page, line, target }) => {
			const [path = "", anchor] = target.split("#");
			const file = path === "" ? page : normalize(join(dirname(page), path));
			const isThere = await exists(join(root, file));
			const isFound = isThere && (anchor === undefined || pages.get(file)?.anchors.has(anchor) === true);
			return isFound ? [] : [`${page}:${line}: ${target}`];
		}),
	);
	expect(dead.flat()).toEqual([]);
});

test("every page of the guide can be reached from the README", () => {
	const reached = new Set(["README.md"]);
	for (const page of reached) {
		for (const { target } of pages.get(page)?.links ?? []) {
			const file = normalize(join(dirname(page), target.split("#")[0] ?? ""));
			if (pages.has(file)) reached.add(file);
			// A link to a directory shows what is in it.
			else for (const other of pages.keys()) if (dirname(other) === file) reached.add(other);
		}
	}
	expect([...pages.keys()].filter((page) => page.startsWith("docs/") && !reached.has(page))).toEqual([]);
});

async function exists(path: string): Promise<boolean> {
	return await access(path).then(
		() => true,
		() => false,
	);
}
