import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { table } from "../../../src/cli/table.ts";
import { Machine } from "../../gateway/lib/machine.ts";
import { extractedRootfs } from "../../gateway/lib/rootfs.ts";

const result = z.object({
	exceptions: z.number(),
	readMs: z.number(),
	longestPieceMs: z.number(),
	heldKb: z.number(),
	newUs: z.number(),
	blockedUs: z.number(),
	rememberedUs: z.number(),
});

/** What a look-up in the policy costs the gateway, and what the policy takes to be read and held, in one process. */
export async function main(): Promise<void> {
	await using machine = await Machine.start("policy", await extractedRootfs());
	const rules = join(import.meta.dirname, "../../../deploy/gateway/modules/xmppfed_policy_rules.lib.lua");
	await machine.write("/srv/rules.lua", await readFile(rules));
	await machine.write("/srv/policy.lua", await readFile(join(import.meta.dirname, "policy.lua")));
	const results = [];
	for (const count of [0, 1_000, 100_000]) {
		const output = await machine.exec(["lua5.4", "/srv/policy.lua", "/srv/rules.lua", String(count)]);
		results.push(result.parse(JSON.parse(output)));
	}
	const head = ["EXCEPTIONS", "NEW PEER", "DENIED PEER", "KNOWN PEER", "READ (ms)", "LONGEST PIECE (ms)", "HELD (kB)"];
	const rows = results.map((each) => [
		String(each.exceptions),
		...[each.newUs, each.blockedUs, each.rememberedUs].map((microseconds) => microseconds.toFixed(2)),
		each.readMs.toFixed(1),
		each.longestPieceMs.toFixed(2),
		each.heldKb.toFixed(0),
	]);
	console.log(`Look-up in microseconds of CPU\n${table(head, rows)}`);
	console.log(JSON.stringify(results, undefined, 2));
}
