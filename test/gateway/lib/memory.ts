import { readFile } from "node:fs/promises";
import type { Program } from "./program.ts";

/** The most resident memory that a program has had, in MiB. */
export async function peakMemory(program: Program): Promise<number> {
	return await memory(program, "VmHWM");
}

/** The resident memory that a program has now, in MiB. */
export async function currentMemory(program: Program): Promise<number> {
	return await memory(program, "VmRSS");
}

async function memory(program: Program, field: "VmHWM" | "VmRSS"): Promise<number> {
	const status = await readFile(`/proc/${program.pid}/status`, "utf8");
	const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
	if (kilobytes === undefined) throw new Error(`no ${field} of ${program.name}:\n${status}`);
	return Math.round(Number(kilobytes) / 1024);
}
