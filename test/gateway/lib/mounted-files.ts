import { chown, mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import type { Machine } from "./machine.ts";

/**
 * Writes files as the kubelet mounts a ConfigMap or Secret: into a directory of their own, then one symbolic link is
 * swapped. What was mounted there before goes.
 *
 * @param contents text by name
 */
export async function mountFiles(
	machine: Machine,
	directory: string,
	contents: Readonly<Record<string, string>>,
	owner: number,
): Promise<void> {
	const at = (name: string) => machine.path(`${directory}/${name}`);
	const revision = `..${process.hrtime.bigint()}`;
	await mkdir(at(revision), { recursive: true });
	for (const [name, text] of Object.entries(contents)) {
		await writeFile(at(`${revision}/${name}`), text, { mode: 0o440 });
		await chown(at(`${revision}/${name}`), 0, owner);
	}
	await symlink(revision, at("..data_tmp"));
	await rename(at("..data_tmp"), at("..data"));
	const before = (await readdir(at("."))).filter((name) => !name.startsWith(".."));
	for (const name of before) if (!(name in contents)) await rm(at(name));
	for (const name of Object.keys(contents)) if (!before.includes(name)) await symlink(`..data/${name}`, at(name));
}
