import { readFile } from "node:fs/promises";
import { waitFor } from "../../lib/xmpp/wait.ts";

/** The only child of a process, as soon as there is one. */
export async function childOf(parent: number): Promise<number> {
	return await waitFor(
		`the child of process ${parent}`,
		async () => {
			const children = await readFile(`/proc/${parent}/task/${parent}/children`, "utf8");
			return children.trim() === "" ? undefined : Number(children.trim().split(" ")[0]);
		},
		{ timeout: 5_000, interval: 5 },
	);
}
