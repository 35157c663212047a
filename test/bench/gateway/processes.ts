import { readdir, readFile } from "node:fs/promises";

/** CPU time of a process with all its threads so far, in microseconds. */
export async function cpuTime(pid: number): Promise<number> {
	let nanoseconds = 0;
	for (const task of await readdir(`/proc/${pid}/task`)) {
		// proc_pid_schedstat(5): time on the CPU in nanoseconds, time waiting for it, time slices
		const [onCpu = ""] = (await readFile(`/proc/${pid}/task/${task}/schedstat`, "utf8")).split(" ");
		nanoseconds += Number(onCpu);
	}
	return nanoseconds / 1000;
}

/** Resident memory of a process in bytes. */
export async function residentMemory(pid: number): Promise<number> {
	const status = await readFile(`/proc/${pid}/status`, "utf8");
	const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
	if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no VmRSS`);
	return Number(kilobytes) * 1024;
}
