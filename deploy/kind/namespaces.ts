import { spawn } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { exists } from "../lib/cache.ts";
import { RemedyError } from "../lib/steps.ts";

const scripts = join(dirname(fileURLToPath(import.meta.url)), "namespace");
/** Milliseconds that making the namespaces may take (it takes about 50). */
const START_TIMEOUT = 20_000;
/** Milliseconds that the kernel may take to end every process of a control group. */
const END_TIMEOUT = 30_000;

/**
 * Namespaces (control group, IPC, mount, network, process, UTS) for one container engine, apart from whatever else runs
 * on the machine. Invariant: all that the engine makes outside `directory` lives in them and is gone when their first
 * process is; that process, and everything started in them, is in the control group `cgroup`. So the kernel itself is
 * the only record of what runs, and a run that was killed at any point can be cleaned up after.
 */
export interface Namespaces {
	/** Name of the control group below the root of every hierarchy. */
	readonly cgroup: string;
	/** For the engine's files; removed with the namespaces. */
	readonly directory: string;
}

/** Running namespaces: `init` is the process id of their first process, as this machine sees it. */
export interface RunningNamespaces extends Namespaces {
	readonly init: number;
}

/** New namespaces. They end with this program, however it ends, until `keep` is called. */
export interface NewNamespaces extends RunningNamespaces {
	keep(): Promise<void>;
}

/**
 * Makes the namespaces and configures podman in them.
 *
 * @param imageStores directories with images that the engine may read, beside its own.
 */
export async function startNamespaces(
	wanted: Namespaces,
	imageStores: readonly string[],
	signal: AbortSignal | undefined,
): Promise<NewNamespaces> {
	await endNamespaces(wanted);
	const { cgroup, directory } = wanted;
	await writeConfiguration(join(directory, "etc"), { root: "/var/lib/containers", imageStores });

	const logPath = join(directory, "namespaces.log");
	const log = createWriteStream(logPath);
	await new Promise<void>((resolve, reject) => {
		log.once("open", () => resolve());
		log.once("error", reject);
	});
	const holder = spawn("sh", [join(scripts, "hold.sh"), cgroup, directory], {
		cwd: "/",
		detached: true,
		stdio: ["ignore", log, log],
	});
	holder.unref();
	log.end();
	const keep = endWithThisProgram(holder.pid);
	const failed = new Promise<never>((_resolve, reject) => {
		holder.once("error", reject);
		holder.once("exit", (code) => {
			const text = readFileSync(logPath, "utf8");
			reject(
				new RemedyError(
					`the container engine's namespaces could not be made (exit code ${code}): ${text.trim()}`,
					"run this as root on a Linux machine that allows unshare(2) and mount(2): a container needs --privileged.",
				),
			);
		});
	});
	try {
		await Promise.race([failed, waitUntilReady(directory, signal)]);
		const running = await findNamespaces(wanted);
		if (!running) throw new Error(`the namespaces of ${cgroup} were made but their first process is not to be found`);
		return { ...running, keep };
	} catch (error) {
		await endNamespaces(wanted);
		throw error;
	}
}

/**
 * Starts a watcher that ends the namespaces when this program is gone: it reads from a pipe that the kernel closes then.
 * Gives the function that sends the watcher away.
 */
function endWithThisProgram(holder: number | undefined): () => Promise<void> {
	if (holder === undefined) return () => Promise.resolve();
	const watcher = spawn("sh", ["-c", 'read -r word || kill -KILL "$1"', "sh", String(holder)], {
		cwd: "/",
		detached: true,
		stdio: ["pipe", "ignore", "ignore"],
	});
	watcher.unref();
	watcher.on("error", () => {});
	watcher.stdin.on("error", () => {});
	if ("unref" in watcher.stdin && typeof watcher.stdin.unref === "function") watcher.stdin.unref();
	return () => new Promise((resolve) => watcher.stdin.end("keep\n", resolve));
}

async function waitUntilReady(directory: string, signal: AbortSignal | undefined): Promise<void> {
	const deadline = Date.now() + START_TIMEOUT;
	while (!(await exists(join(directory, "ready")))) {
		signal?.throwIfAborted();
		if (Date.now() > deadline) throw new Error(`the namespaces were not made within ${START_TIMEOUT / 1000} s`);
		await sleep(20);
	}
}

/** The namespaces if they run. */
export async function findNamespaces(wanted: Namespaces): Promise<RunningNamespaces | undefined> {
	if (!(await exists(join(wanted.directory, "ready")))) return undefined;
	for (const group of await cgroupDirectories(wanted.cgroup)) {
		for (const process of await processesBelow(group)) {
			const status = await readFile(`/proc/${process}/status`, "utf8").catch(() => "");
			// `NSpid: OUTSIDE INSIDE`; a container's own first process has a third number.
			if (/^NSpid:\t\d+\t1$/m.test(status)) return { ...wanted, init: process };
		}
	}
	return undefined;
}

/** The command line that runs `command` in the namespaces. `command` is looked up in the same file system as here. */
export function inNamespaces(
	{ cgroup, init }: RunningNamespaces,
	command: readonly string[],
	workingDirectory = "/",
): string[] {
	return ["sh", join(scripts, "enter.sh"), cgroup, String(init), workingDirectory, ...command];
}

/**
 * Ends every process of the namespaces and removes their control groups and files. Works on whatever a killed run or an
 * earlier boot of the machine left; does nothing where nothing is left.
 */
export async function endNamespaces({ cgroup, directory }: Namespaces): Promise<void> {
	const deadline = Date.now() + END_TIMEOUT;
	for (const group of await cgroupDirectories(cgroup)) {
		for (;;) {
			const processes = await processesBelow(group);
			if (processes.length === 0) break;
			if (Date.now() > deadline) {
				throw new Error(`processes ${processes.join(", ")} of ${group} do not end; look at them with ps`);
			}
			for (const pid of processes) endProcess(pid);
			await sleep(50);
		}
		await removeCgroup(group, deadline);
	}
	await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

function endProcess(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch {
		// It ended by itself.
	}
}

/** The directories of a control group, one for each hierarchy of the machine that has it. */
async function cgroupDirectories(cgroup: string): Promise<string[]> {
	const mounts = await readFile("/proc/self/mounts", "utf8");
	const found: string[] = [];
	for (const hierarchy of cgroupHierarchies(mounts)) {
		const path = join(hierarchy, cgroup);
		if (await exists(path)) found.push(path);
	}
	return found;
}

/** The mount points of control group hierarchies in the text of /proc/mounts. Pure. */
export function cgroupHierarchies(mounts: string): string[] {
	return mounts
		.split("\n")
		.map((line) => line.split(" "))
		.filter(([, , type]) => type === "cgroup" || type === "cgroup2")
		.map(([, path]) => path ?? "");
}

async function processesBelow(group: string): Promise<number[]> {
	const text = await readFile(join(group, "cgroup.procs"), "utf8").catch(() => "");
	const processes = text.split("\n").filter(Boolean).map(Number);
	for (const child of await subgroups(group)) processes.push(...(await processesBelow(child)));
	return processes;
}

async function subgroups(group: string): Promise<string[]> {
	const entries = await readdir(group, { withFileTypes: true }).catch(() => []);
	return entries.filter((entry) => entry.isDirectory()).map((entry) => join(group, entry.name));
}

/** Removes a control group without processes. The kernel refuses for a moment after the last process is gone. */
async function removeCgroup(group: string, deadline: number): Promise<void> {
	for (const child of await subgroups(group)) await removeCgroup(child, deadline);
	for (;;) {
		try {
			return await rmdir(group);
		} catch (error) {
			const code = error instanceof Error && "code" in error ? error.code : undefined;
			if (code === "ENOENT") return;
			if (code !== "EBUSY" || Date.now() > deadline) throw error;
			await sleep(50);
		}
	}
}

/**
 * Settings of podman and buildah that work in a namespace, without systemd and without CAP_SYS_RESOURCE.
 *
 * @param store `root` holds the engine's files, below it `storage`; `imageStores` are directories with images to read.
 */
export async function writeConfiguration(
	directory: string,
	store: { readonly root: string; readonly imageStores?: readonly string[] },
): Promise<void> {
	await mkdir(directory, { recursive: true });
	const stores = (store.imageStores ?? []).map((path) => JSON.stringify(path)).join(", ");
	const files = {
		"containers.conf": `[containers]
# Without it podman asks for more than the machine may allow: "error setting rlimit type 7".
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
`,
		"storage.conf": `[storage]
driver = "overlay"
graphroot = ${JSON.stringify(join(store.root, "storage"))}
runroot = ${JSON.stringify(join(store.root, "run"))}
[storage.options]
additionalimagestores = [${stores}]
`,
		"policy.json": `{"default": [{"type": "insecureAcceptAnything"}]}\n`,
		"registries.conf": `unqualified-search-registries = []\n`,
	};
	for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
}
