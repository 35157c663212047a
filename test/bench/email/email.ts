import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { table } from "../../../src/cli/table.ts";
import { type Addresses, applyMapping, filesOf } from "../../gateway/lib/email-addresses.ts";
import { Machine } from "../../gateway/lib/machine.ts";
import { parseOpenMetrics, sumOf } from "../../gateway/lib/openmetrics.ts";
import { extractedRootfs } from "../../gateway/lib/rootfs.ts";
import { local, World } from "../../gateway/lib/world.ts";
import { waitFor } from "../../lib/xmpp/wait.ts";

const counts = [0, 1_000, 100_000];

const cost = z.object({ without: z.number(), with: z.number() });
const result = z.object({
	mappings: z.number(),
	readMs: z.number(),
	longestPieceMs: z.number(),
	heldKb: z.number(),
	stanzas: z.object({ messageOut: cost, messageIn: cost, mailInBody: cost, roomPresenceOut: cost }),
});

/** What email addresses cost a router: for each stanza, at its start, and in memory. */
export async function main(): Promise<void> {
	const stanzas = await stanzaCosts();
	const routers = await routerCosts();
	console.log(JSON.stringify({ stanzas, routers }, undefined, 2));
}

/** In one process of Lua alone. */
async function stanzaCosts() {
	await using machine = await Machine.start("email", await extractedRootfs());
	const modules = join(import.meta.dirname, "../../../deploy/gateway/modules");
	const files = ["xmppfed_stream.lua", "xmppfed_email_mapping.lib.lua", "xmppfed_email_rewrite.lib.lua"];
	for (const name of files) await machine.write(`/srv/${name}`, await readFile(join(modules, name)));
	await machine.write("/srv/email.lua", await readFile(join(import.meta.dirname, "email.lua")));
	const results = [];
	for (const count of counts) {
		const output = await machine.exec([
			"lua5.4",
			"/srv/email.lua",
			...files.map((name) => `/srv/${name}`),
			String(count),
		]);
		results.push(result.parse(JSON.parse(output)));
	}
	const shown = (pair: z.infer<typeof cost>) => `${pair.without.toFixed(1)} ${pair.with.toFixed(1)}`;
	const head = [
		"MAPPINGS",
		"MESSAGE OUT",
		"MESSAGE IN",
		"USER IN BODY",
		"ROOM PRESENCE OUT",
		"READ (ms)",
		"LONGEST PIECE (ms)",
		"HELD (kB)",
	];
	const rows = results.map(({ mappings, stanzas, readMs, longestPieceMs, heldKb }) => [
		String(mappings),
		...[stanzas.messageOut, stanzas.messageIn, stanzas.mailInBody, stanzas.roomPresenceOut].map(shown),
		readMs.toFixed(0),
		longestPieceMs.toFixed(1),
		heldKb.toFixed(0),
	]);
	console.log(
		`Reading and writing a stanza in microseconds of CPU, without renaming and with it\n${table(head, rows)}`,
	);
	return results;
}

function mappingOf(count: number, family: string): Addresses {
	const number = (index: number) => String(index).padStart(6, "0");
	return Object.fromEntries(
		Array.from({ length: count }, (_, index) => [
			`u${number(index)}@${local.domain}`,
			`given.${family}${number(index)}@${local.domain}`,
		]),
	);
}

/** Of real routers: none, and each count. A start is until the process answers. */
async function routerCosts() {
	await using world = await World.start({
		internal: "prosody",
		peers: [],
		users: ["alice"],
		nodes: [{ name: "gw-1", federation: "Enabled" }],
	});
	const node = world.node("gw-1");
	const { intent } = node;
	const measured = async () => {
		const samples = parseOpenMetrics(await (await node.get("router", "/metrics")).text());
		return {
			mebibytes: sumOf(samples, "process_resident_memory_bytes", {}) / 2 ** 20,
			cpuSeconds: sumOf(samples, "process_cpu_seconds_total", {}),
		};
	};
	const results = [];
	for (const count of [undefined, ...counts]) {
		node.intent = count === undefined ? intent : { ...intent, emailAddresses: true, unmappedUsers: "Refuse" };
		if (count !== undefined) await node.mountEmailAddresses(filesOf(mappingOf(count, "family")));
		await node.mountSettings();
		const from = performance.now();
		const program = await node.startRole("router", world.secrets);
		await waitFor("the router to answer", async () => (await node.get("router", "/live")).ok, { interval: 10 });
		const startMs = performance.now() - from;
		const started = await measured();
		let changed: Awaited<ReturnType<typeof measured>> | undefined;
		if (count) {
			for (const family of ["other", "third"]) await applyMapping(node, mappingOf(count, family));
			changed = await measured();
		}
		results.push({ mappings: count, startMs, started, changed });
		program.kill("SIGKILL");
		await program.exit;
	}
	const head = ["MAPPINGS", "START (ms)", "CPU (s)", "RSS (MiB)", "RSS AFTER TWO CHANGES (MiB)", "CPU OF BOTH (s)"];
	const rows = results.map(({ mappings, startMs, started, changed }) => [
		mappings === undefined ? "off" : String(mappings),
		startMs.toFixed(0),
		started.cpuSeconds.toFixed(2),
		started.mebibytes.toFixed(1),
		changed?.mebibytes.toFixed(1) ?? "-",
		changed ? (changed.cpuSeconds - started.cpuSeconds).toFixed(2) : "-",
	]);
	console.log(`A router\n${table(head, rows)}`);
	return results;
}
