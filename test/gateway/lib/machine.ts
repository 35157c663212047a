import { type ChildProcessByStdio, spawn } from "node:child_process";
import { chown, mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { exists } from "../../../deploy/lib/cache.ts";
import { run } from "../../../deploy/lib/commands.ts";
import { waitFor } from "../../lib/xmpp/wait.ts";
import { childOf } from "./child-of.ts";
import { Program } from "./program.ts";

/** Directories of machines: this, the process id of the test, and a random rest. */
const PREFIX = "xmppfed-gateway-test-";
const script = join(dirname(fileURLToPath(import.meta.url)), "machine.sh");

export interface StartOptions {
	/** Numeric user and group (root). */
	readonly user?: number;
	readonly env?: Readonly<Record<string, string>>;
}

/** A machine of the test network: namespaces with a writable root file system of its own over a shared one. */
export class Machine implements AsyncDisposable {
	readonly name: string;
	/** Process id, as the test sees it, of the machine's first process. */
	readonly init: number;
	readonly programs: Program[] = [];
	readonly #holder: ChildProcessByStdio<Writable, Readable, Readable>;
	readonly #directory: string;

	static async start(name: string, rootfs: string): Promise<Machine> {
		const directory = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
		const unshare = ["--net", "--mount", "--pid", "--uts", "--propagation=private", "--fork", "--kill-child=KILL"];
		const holder = spawn("unshare", [...unshare, "sh", script, rootfs, directory], { stdio: ["pipe", "pipe", "pipe"] });
		let errors = "";
		holder.stderr.on("data", (data: Buffer) => {
			errors += data.toString();
		});
		await new Promise<void>((resolve, reject) => {
			holder.once("error", reject);
			holder.once("exit", (code) => reject(new Error(`machine ${name} did not start (exit code ${code}): ${errors}`)));
			holder.stdout.once("data", () => resolve());
		});
		const init = await childOf(holder.pid ?? 0);
		return new Machine(name, init, holder, directory);
	}

	private constructor(
		name: string,
		init: number,
		holder: ChildProcessByStdio<Writable, Readable, Readable>,
		directory: string,
	) {
		this.name = name;
		this.init = init;
		this.#holder = holder;
		this.#directory = directory;
	}

	/** A path in the machine, for the test itself. */
	path(path: string): string {
		return `/proc/${this.init}/root${path}`;
	}

	async write(path: string, text: string | Buffer, options: { mode?: number; owner?: number } = {}): Promise<void> {
		const file = this.path(path);
		await mkdir(dirname(file), { recursive: true });
		await writeFile(file, text, { mode: options.mode ?? 0o644 });
		if (options.owner !== undefined) await chown(file, options.owner, options.owner);
	}

	async makeDirectory(path: string, owner: number): Promise<void> {
		await mkdir(this.path(path), { recursive: true });
		await chown(this.path(path), owner, owner);
	}

	/** Numeric id of a user of the root file system. */
	async userId(name: string): Promise<number> {
		const users = await readFile(this.path("/etc/passwd"), "utf8");
		const id = users
			.split("\n")
			.find((line) => line.startsWith(`${name}:`))
			?.split(":")[2];
		if (id === undefined) throw new Error(`there is no user ${name} in the root file system`);
		return Number(id);
	}

	/** Runs a command to its end; gives its output. */
	async exec(command: readonly string[], options: StartOptions & { readonly input?: string } = {}): Promise<string> {
		const { stdout } = await run(this.#enter(command, options), {
			input: options.input,
			env: this.#environment(options),
		});
		return stdout;
	}

	/** Starts a program that runs until it is ended, at the latest with the machine. */
	async run(name: string, command: readonly string[], options: StartOptions = {}): Promise<Program> {
		const program = await Program.start(
			`${this.name}/${name}`,
			this.#enter(command, options),
			this.#environment(options),
		);
		this.programs.push(program);
		return program;
	}

	/** Makes the root read-only, but for /etc/xmppfed, /run, /tmp and the given directories. */
	async seal(writable: readonly string[]): Promise<void> {
		const commands = [...writable, "/run", "/tmp", "/etc/xmppfed"].map(
			(path) => `mkdir -p ${path} && mount -t tmpfs -o mode=1777 tmpfs ${path}`,
		);
		await this.exec(["sh", "-c", [...commands, "mount -o remount,bind,ro /"].join(" && ")]);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const gone = new Promise((resolve) => this.#holder.once("exit", resolve));
		this.#holder.stdin.end();
		await gone;
		await waitFor(`the programs of ${this.name} to be gone`, () => this.programs.every((program) => program.ended));
		await rmdir(this.#directory);
	}

	#enter(command: readonly string[], options: StartOptions): string[] {
		const user = options.user ?? 0;
		return [
			"nsenter",
			`--target=${this.init}`,
			"--net",
			"--mount",
			"--pid",
			"--uts",
			"--root",
			"--wd",
			`--setuid=${user}`,
			`--setgid=${user}`,
			"--",
			...command,
		];
	}

	#environment(options: StartOptions): Record<string, string> {
		return { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", HOME: "/tmp", ...options.env };
	}
}

/**
 * Removes the directories that killed runs left. Those of a run that goes on must stay: a machine has mounted over its
 * directory in its own namespace, and removing it here would unmount it there.
 */
export async function removeRemains(): Promise<void> {
	for (const name of await readdir(tmpdir())) {
		if (!name.startsWith(PREFIX)) continue;
		const owner = Number(name.slice(PREFIX.length).split("-")[0]);
		// Another worker may be removing it too.
		if (!(await exists(`/proc/${owner}`))) await rm(join(tmpdir(), name), { recursive: true, force: true });
	}
}
