import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../../deploy/generate.ts";
import { type Page, readPage } from "./markdown.ts";

/** Every page of the repository, by its path there. */
export async function allPages(): Promise<ReadonlyMap<string, Page>> {
	const paths = await Array.fromAsync(glob("{*,{charts,deploy,docs}/**/*}.md", { cwd: root }));
	return new Map(
		await Promise.all(
			paths.toSorted().map(async (path) => [path, readPage(await readFile(join(root, path), "utf8"))] as const),
		),
	);
}
