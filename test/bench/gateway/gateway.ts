import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { step } from "../../../deploy/lib/steps.ts";
import { table } from "../../../src/cli/table.ts";
import { waitFor } from "../../lib/xmpp/wait.ts";
import type { ServerModules } from "./debian-prosody.ts";
import { type Flow, fullLoad, latencies, openStreams, quantile, type Shape, steadyLoad } from "./load.ts";
import { oneByOne } from "./one-by-one.ts";
import { cpuTime, residentMemory } from "./processes.ts";
import { type Direction, type Path, peerDomain, Scene } from "./scene.ts";

/** Budgets of the design. */
const budgets = { cpuRatio: 0.8, addedMedianMilliseconds: 0.3, processMegabytes: 30, streamKilobytes: 62 } as const;
/** Messages a second of the steady load, far from the limit of one core. */
const STEADY_RATE = 1000;
/** Seconds of load before measuring. */
const WARM_UP = 1.5;
const LATENCY_MESSAGES = 400;
const LATENCY_INTERVAL = 10;
/** Peer domains whose streams the memory is measured with. */
const MEMORY_PEERS = 200;

/** Medians over windows of one second: others on the machine disturb some of them. */
interface Cpu {
	readonly perSecond: number;
	/** Microseconds for each message; the gateway's processes on all nodes together. */
	readonly sender: number;
	readonly federation: number;
	readonly router: number;
	readonly receiver: number;
	/** Of both gateway processes to the receiver. */
	readonly ratio: number;
}

interface Measured {
	readonly path: Path;
	readonly nodes: number;
	readonly direction: Direction;
	readonly peers: number;
	readonly full: Cpu;
	readonly steady: Cpu;
	readonly latency: { readonly median: number; readonly p99: number };
}

interface Memory {
	readonly role: "router" | "federation";
	readonly idleMegabytes: number;
	readonly loadedMegabytes: number;
	readonly streams: number;
	readonly kilobytesPerStream: number;
}

const usage = `npm run bench -- gateway [--seconds N] [--nodes 1,2] [--peers 1,20] [--direction in,out] [--path direct,gateway]
                         [--shape plain|rich] [--servers bare|debian] [--no-steady] [--no-latency] [--no-memory] [--json FILE]
npm run bench -- gateway --one-by-one ROUNDS [--direction in,out] [--shape plain|rich] [--servers bare|debian]`;

export async function main(args: readonly string[], signal: AbortSignal): Promise<void> {
	const { values } = parseArgs({
		args: [...args],
		allowNegative: true,
		options: {
			seconds: { type: "string", default: "6" },
			nodes: { type: "string", default: "1,2" },
			peers: { type: "string", default: "1,20" },
			direction: { type: "string", default: "in,out" },
			path: { type: "string", default: "direct,gateway" },
			shape: { type: "string", default: "plain" },
			servers: { type: "string", default: "bare" },
			steady: { type: "boolean", default: true },
			latency: { type: "boolean", default: true },
			memory: { type: "boolean", default: true },
			"one-by-one": { type: "string" },
			json: { type: "string" },
			help: { type: "boolean", default: false },
		},
	});
	if (values.help) return console.log(usage);
	const numbers = (text: string) => text.split(",").map(Number);
	const shape: Shape = values.shape === "rich" ? "rich" : "plain";
	const modules: ServerModules = values.servers === "debian" ? "debian" : "bare";
	const directions = (["in", "out"] as const).filter((direction) => values.direction.split(",").includes(direction));
	const paths = (["direct", "gateway"] as const).filter((path) => values.path.split(",").includes(path));
	if (values["one-by-one"] !== undefined) {
		return await printOneByOne(directions, shape, modules, Number(values["one-by-one"]));
	}
	const measured: Measured[] = [];
	let memory: Memory[] = [];
	for (const [index, nodes] of numbers(values.nodes).entries()) {
		await step(`${nodes} node${nodes > 1 ? "s" : ""}`, async () => {
			const peerCounts = numbers(values.peers);
			const withMemory = values.memory && index === 0;
			await using scene = await Scene.start({
				nodes,
				peers: Math.max(...peerCounts),
				emptyPeers: withMemory ? MEMORY_PEERS : 0,
				modules,
			});
			const idle = withMemory ? await memoryOf(scene) : undefined;
			for (const peers of peerCounts) {
				for (const direction of directions) {
					// Directly is the same with any number of nodes.
					for (const path of index === 0 ? paths : paths.filter((one) => one === "gateway")) {
						signal.throwIfAborted();
						const way = path === "direct" ? "directly" : `through ${nodes}`;
						await step(`${direction}, ${peers} peers, ${way}`, async () => {
							const flows = await scene.flows(path, direction, peers);
							measured.push({
								path,
								nodes: path === "direct" ? 0 : nodes,
								direction,
								peers,
								...(await measure(scene, flows, direction, shape, {
									seconds: Number(values.seconds),
									steady: values.steady,
									latency: values.latency,
								})),
							});
						});
					}
				}
			}
			if (idle) memory = await step(`${MEMORY_PEERS} more peers`, async () => await streamMemory(scene, idle));
		});
	}
	print(measured, memory, shape);
	if (values.json !== undefined) {
		await writeFile(values.json, `${JSON.stringify({ budgets, shape, modules, measured, memory }, null, "\t")}\n`);
	}
}

async function printOneByOne(
	directions: readonly Direction[],
	shape: Shape,
	modules: ServerModules,
	rounds: number,
): Promise<void> {
	await using scene = await Scene.start({ nodes: 1, peers: 1, emptyPeers: 0, modules });
	const rows: string[][] = [];
	for (const direction of directions) {
		const result = await step(`${direction}, one process after the other`, async () => {
			return await oneByOne(scene, direction, shape, rounds);
		});
		for (const [kind, { federation, router, receiver }] of Object.entries(result)) {
			const ratio = ((federation + router) / receiver).toFixed(2);
			rows.push([direction, kind, ...[federation, router, receiver].map((value) => value.toFixed(1)), ratio]);
		}
	}
	console.log(`\nOne process after the other (${shape} messages): CPU in microseconds for each message`);
	console.log(
		table(["DIRECTION", "OF THE ROUNDS", "FEDERATION", "ROUTER", "RECEIVER", `RATIO (<= ${budgets.cpuRatio})`], rows),
	);
}

async function measure(
	scene: Scene,
	flows: readonly Flow[],
	direction: Direction,
	shape: Shape,
	options: { readonly seconds: number; readonly steady: boolean; readonly latency: boolean },
) {
	const ends = [scene.peer.program.pid, scene.internal.program.pid] as const;
	const [sender, receiver] = direction === "in" ? ends : [ends[1], ends[0]];
	const observe = async (arrived: () => number): Promise<Cpu> => {
		const groups = {
			sender: [sender],
			federation: scene.pids("federation"),
			router: scene.pids("router"),
			receiver: [receiver],
		};
		const read = async (pids: readonly number[]) => {
			const times = await Promise.all(pids.map(cpuTime));
			return times.reduce((sum, time) => sum + time, 0);
		};
		const readAll = async () => ({
			at: performance.now(),
			arrived: arrived(),
			sender: await read(groups.sender),
			federation: await read(groups.federation),
			router: await read(groups.router),
			receiver: await read(groups.receiver),
		});
		await sleep(WARM_UP * 1000);
		const first = await readAll();
		const windows: Omit<Cpu, "perSecond">[] = [];
		let last = first;
		for (let second = 0; second < options.seconds; second++) {
			await sleep(1000);
			const now = await readAll();
			const of = (name: keyof typeof groups) => (now[name] - last[name]) / (now.arrived - last.arrived);
			const cpu = {
				sender: of("sender"),
				federation: of("federation"),
				router: of("router"),
				receiver: of("receiver"),
			};
			windows.push({ ...cpu, ratio: (cpu.federation + cpu.router) / cpu.receiver });
			last = now;
		}
		const median = (name: keyof Omit<Cpu, "perSecond">) =>
			quantile(
				windows.map((window) => window[name]),
				0.5,
			);
		return {
			perSecond: ((last.arrived - first.arrived) / (last.at - first.at)) * 1000,
			sender: median("sender"),
			federation: median("federation"),
			router: median("router"),
			receiver: median("receiver"),
			ratio: median("ratio"),
		};
	};
	const none: Cpu = { perSecond: 0, sender: 0, federation: 0, router: 0, receiver: 0, ratio: 0 };
	await openStreams(flows);
	const times = options.latency ? await latencies(flows, LATENCY_MESSAGES, LATENCY_INTERVAL) : [];
	return {
		latency: { median: quantile(times, 0.5), p99: quantile(times, 0.99) },
		steady: options.steady ? await steadyLoad(flows, shape, STEADY_RATE, observe) : none,
		full: await fullLoad(flows, shape, observe),
	};
}

interface MemoryNow {
	readonly router: number;
	readonly federation: number;
}

/** Resident memory of the first node's processes, in bytes. */
async function memoryOf(scene: Scene): Promise<MemoryNow> {
	const [router = 0] = await Promise.all(scene.pids("router").map(residentMemory));
	const [federation = 0] = await Promise.all(scene.pids("federation").map(residentMemory));
	return { router, federation };
}

/** What streams with more peers cost: each is written to, and answers with an error on a stream of its own. */
async function streamMemory(scene: Scene, idle: MemoryNow): Promise<Memory[]> {
	const [node] = scene.nodes;
	if (!node) return [];
	const count = async (role: "router" | "federation") => {
		const { streams } = await node.status(role);
		return streams.filter(({ state, tls }) => state === "Authenticated" && tls).length;
	};
	const counts = { router: await count("router"), federation: await count("federation") };
	const before = await memoryOf(scene);
	const client = await scene.internal.login("example.lab");
	for (let index = 0; index < MEMORY_PEERS; index++) {
		client.send(`<message to='nobody@${peerDomain("empty", index)}' id='memory'><body>hello</body></message>`);
		await sleep(20);
	}
	await waitFor("the streams of all peers", async () => (await count("router")) >= counts.router + 2 * MEMORY_PEERS, {
		timeout: 120_000,
		interval: 1000,
	});
	client[Symbol.dispose]();
	const after = await memoryOf(scene);
	return await Promise.all(
		(["router", "federation"] as const).map(async (role) => {
			const streams = (await count(role)) - counts[role];
			return {
				role,
				idleMegabytes: idle[role] / 1e6,
				loadedMegabytes: before[role] / 1e6,
				streams,
				kilobytesPerStream: (after[role] - before[role]) / streams / 1000,
			};
		}),
	);
}

function print(measured: readonly Measured[], memory: readonly Memory[], shape: Shape): void {
	const whole = (value: number) => (Number.isFinite(value) ? value.toFixed(0) : "-");
	const fine = (value: number) => (Number.isFinite(value) ? value.toFixed(2) : "-");
	const name = ({ nodes, direction, peers }: Measured) => [
		direction,
		String(peers),
		nodes === 0 ? "directly" : `${nodes}`,
	];
	for (const load of ["full", "steady"] as const) {
		console.log(
			`\n${load === "full" ? "Full load" : `${STEADY_RATE} messages a second`} (${shape} messages): CPU in microseconds for each message`,
		);
		const rows = measured.map((one) => {
			const cpu = one[load];
			const gateway = one.nodes > 0 ? [whole(cpu.federation), whole(cpu.router), fine(cpu.ratio)] : ["", "", ""];
			return [...name(one), whole(cpu.perSecond), whole(cpu.sender), ...gateway, whole(cpu.receiver)];
		});
		console.log(
			table(
				[
					"DIRECTION",
					"PEERS",
					"NODES",
					"PER SECOND",
					"SENDER",
					"FEDERATION",
					"ROUTER",
					`RATIO (<= ${budgets.cpuRatio})`,
					"RECEIVER",
				],
				rows,
			),
		);
	}
	console.log(`\nLatency in milliseconds, a message every ${LATENCY_INTERVAL} ms`);
	console.log(
		table(
			["DIRECTION", "PEERS", "NODES", "MEDIAN", "P99", `ADDED MEDIAN (< ${budgets.addedMedianMilliseconds})`],
			measured.map((one) => {
				const direct = measured.find(
					({ nodes, direction, peers }) => nodes === 0 && direction === one.direction && peers === one.peers,
				);
				const added = one.nodes > 0 && direct ? fine(one.latency.median - direct.latency.median) : "";
				return [...name(one), fine(one.latency.median), fine(one.latency.p99), added];
			}),
		),
	);
	if (memory.length === 0) return;
	console.log("\nMemory of a process");
	console.log(
		table(
			[
				"PROCESS",
				`IDLE, MB (<= ${budgets.processMegabytes})`,
				"AFTER THE LOAD, MB",
				"MORE TLS STREAMS",
				`KB EACH (<= ${budgets.streamKilobytes})`,
			],
			memory.map(({ role, idleMegabytes, loadedMegabytes, streams, kilobytesPerStream }) => [
				role,
				fine(idleMegabytes),
				fine(loadedMegabytes),
				String(streams),
				fine(kilobytesPerStream),
			]),
		),
	);
}
