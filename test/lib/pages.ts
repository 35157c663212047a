import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../../deploy/generate.ts";
import { run } from "../../deploy/lib/commands.ts";
import { type Page, readPage } from "./markdown.ts";

/** Every page of the repository, by its path there. */
export async function allPages(): Promise<ReadonlyMap<string, Page>> {
	const { stdout } = await run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
		cwd: root,
	});
	const paths = stdout.split("\n").filter((path) => path !== "");
	return new Map(
		await Promise.all(paths.map(async (path) => [path, readPage(await readFile(join(root, path), "utf8"))] as const)),
	);
}
