import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../lib/xmpp/wait.ts";
import { failed, message, openStreams, quantile, type Shape } from "./load.ts";
import { cpuTime } from "./processes.ts";
import type { Direction, Scene } from "./scene.ts";

/** Messages in one round: less than the gateway lets wait (1 MiB). */
const MESSAGES = 2400;

/** Microseconds of CPU for each message. */
export interface Alone {
	readonly federation: number;
	readonly router: number;
	readonly receiver: number;
}

/**
 * What a message costs each process when it has many to do at once: all on the way are stopped, and go on one after the
 * other, each until it has done everything. On a busy machine this tells more than a load that all of them share: nobody
 * does its work in small pieces because others were slow. The least of all rounds is what others disturbed least.
 */
export async function oneByOne(
	scene: Scene,
	direction: Direction,
	shape: Shape,
	rounds: number,
): Promise<{ readonly median: Alone; readonly least: Alone }> {
	const flows = await scene.flows("gateway", direction, 1);
	await openStreams(flows);
	const [flow] = flows;
	if (!flow) throw new Error("there is no flow to one peer");
	const [federation = 0] = scene.pids("federation");
	const [router = 0] = scene.pids("router");
	const [internal, peer] = [scene.internal.program.pid, scene.peer.program.pid];
	const [sender, receiver] = direction === "in" ? [peer, internal] : [internal, peer];
	const gateway = { federation, router };
	const way = direction === "in" ? ["federation", "router", "receiver"] : ["router", "federation", "receiver"];
	const pids: Readonly<Record<string, number>> = { ...gateway, receiver };
	const times: Record<string, number[]> = { federation: [], router: [], receiver: [] };
	// The first round warms up.
	for (let round = 0; round <= rounds; round++) {
		const expected = flow.to.received + MESSAGES;
		for (const pid of Object.values(pids)) process.kill(pid, "SIGSTOP");
		flow.from.send(Buffer.from(message(flow.to.jid, "load", shape).repeat(MESSAGES)));
		await idle(sender);
		for (const name of way) {
			const pid = pids[name] ?? 0;
			const before = await cpuTime(pid);
			await resume(pid);
			const spent = (await idle(pid)) - before;
			if (round > 0) times[name]?.push(spent / MESSAGES);
		}
		await waitFor("the messages of the round", () => {
			failed(flows);
			return flow.to.received >= expected;
		});
	}
	const all = (part: number): Alone => ({
		federation: quantile(times["federation"] ?? [], part),
		router: quantile(times["router"] ?? [], part),
		receiver: quantile(times["receiver"] ?? [], part),
	});
	return { median: all(0.5), least: all(0) };
}

/** Lets a process go on, and the nsenter that it is a child of, which stops itself when its child is stopped. */
async function resume(pid: number): Promise<void> {
	const parent = /^PPid:\s+(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
	process.kill(pid, "SIGCONT");
	process.kill(Number(parent), "SIGCONT");
}

/** Waits until a process does next to nothing; gives its CPU time. */
async function idle(pid: number): Promise<number> {
	await sleep(300);
	let last = await cpuTime(pid);
	return await waitFor(
		`process ${pid} to be idle`,
		async () => {
			const now = await cpuTime(pid);
			const done = now - last < 300;
			last = now;
			return done && now;
		},
		{ interval: 300 },
	);
}
