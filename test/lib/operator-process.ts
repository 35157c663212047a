import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { readText, sendRequest } from "../../src/kubernetes/http-request.ts";
import { freePort } from "./free-port.ts";

export interface OperatorProcessOptions {
	/** What `bundleOperator` of deploy/build.ts made. */
	readonly bundle: string;
	readonly kubeconfig: string;
	/** File that its log is appended to. */
	readonly log: string;
	readonly nodeArguments?: readonly string[];
	readonly arguments?: readonly string[];
}

/** Milliseconds that its metrics may take on a busy machine. */
const patience = 60_000;

/** Requests by `VERB RESOURCE`. */
export type Requests = Readonly<Record<string, number>>;

/** The operator as users run it: a process of its own, from the bundle. What it uses is read from the kernel. */
export class OperatorProcess implements AsyncDisposable {
	readonly pid: number;
	readonly #child: ChildProcess;
	readonly #ended: Promise<void>;
	readonly #url: string;
	readonly #log: string;
	/** Without connections that stay: a busy operator may close one in the moment in which it is used again. */
	readonly #agent = new Agent();
	#hasEnded = false;

	/** Starts it and waits until it leads with full caches. */
	static async start(options: OperatorProcessOptions): Promise<OperatorProcess> {
		const port = await freePort();
		const child = spawn(
			"setpriv",
			[
				// The kernel ends it when this process ends, also by SIGKILL.
				"--pdeathsig",
				"KILL",
				"--",
				process.execPath,
				...nodeFlags(),
				...(options.nodeArguments ?? []),
				options.bundle,
				`--kubeconfig=${options.kubeconfig}`,
				"--gateway-image=registry.example/gateway:1",
				"--leader-election-namespace=default",
				`--http-port=${port}`,
				...(options.arguments ?? []),
			],
			{
				stdio: ["ignore", "pipe", "pipe"],
				env: { PATH: process.env["PATH"], POD_NAMESPACE: "default", ...imageEnvironment() },
			},
		);
		const log = createWriteStream(options.log, { flags: "a" });
		child.stdout.pipe(log, { end: false });
		child.stderr.pipe(log, { end: false });
		const operator = new OperatorProcess(child, `http://127.0.0.1:${port}`, options.log);
		while (!operator.#hasEnded) {
			if ((await operator.#metrics().catch(() => "")).includes("xmppfed_leader 1")) {
				const ready = await fetch(`${operator.#url}/readyz`).catch(() => undefined);
				if (ready?.ok) return operator;
			}
			await sleep(100);
		}
		return await operator.#tellEnd();
	}

	private constructor(child: ChildProcess, url: string, logFile: string) {
		if (child.pid === undefined) throw new Error("the operator could not be started");
		this.pid = child.pid;
		this.#child = child;
		this.#url = url;
		this.#log = logFile;
		this.#ended = new Promise((resolve) => {
			child.once("close", () => {
				this.#hasEnded = true;
				resolve();
			});
		});
	}

	/** `HOST:PORT` of /metrics. */
	get address(): string {
		return new URL(this.#url).host;
	}

	async requests(): Promise<Requests> {
		const sums: Record<string, number> = {};
		const line = /^xmppfed_api_requests_total\{verb="([^"]*)",resource="([^"]*)",[^}]*\} (\d+)$/gm;
		for (const [, verb, resource, count] of (await this.#metrics()).matchAll(line)) {
			// The lease and Events are not of a federation alone.
			const name = `${verb} ${resource}`;
			sums[name] = (sums[name] ?? 0) + Number(count);
		}
		return sums;
	}

	/** Federations that wait for a reconcile. */
	async waiting(): Promise<number> {
		return Number(/^xmppfed_queue_waiting (\d+)$/m.exec(await this.#metrics())?.[1] ?? 0);
	}

	/**
	 * Bytes of memory: now, and the most that it ever had. `own` is without the pages of files (Node itself), which the
	 * kernel can take away at any time and processes of one image share.
	 */
	async memory(): Promise<{ readonly now: number; readonly own: number; readonly most: number }> {
		const status = await readFile(`/proc/${this.pid}/status`, "utf8");
		const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
		return { now: bytes("VmRSS"), own: bytes("RssAnon"), most: bytes("VmHWM") };
	}

	/** Seconds of processor time since it started. */
	async processorSeconds(): Promise<number> {
		const stat = await readFile(`/proc/${this.pid}/stat`, "utf8");
		// Fields from the third on: the second is a name in parentheses, which may have spaces. 100 ticks a second.
		const [user = 0, system = 0] = stat
			.slice(stat.lastIndexOf(")") + 2)
			.split(" ")
			.slice(11, 13)
			.map(Number);
		return (user + system) / 100;
	}

	/** Bytes that it has read since it started, from connections and files. */
	async bytesRead(): Promise<number> {
		return Number(/^rchar: (\d+)$/m.exec(await readFile(`/proc/${this.pid}/io`, "utf8"))?.[1]);
	}

	/** Established TCP connections to a port of this machine. */
	async connections(port: number): Promise<number> {
		const directory = `/proc/${this.pid}/fd`;
		const links = await Promise.all(
			(await readdir(directory)).map((name) => readlink(`${directory}/${name}`).catch(() => "")),
		);
		const own = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
		const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
		const lines = (await readFile(`/proc/${this.pid}/net/tcp`, "utf8")).trim().split("\n").slice(1);
		return lines
			.map((line) => line.trim().split(/\s+/))
			.filter(([, , to = "", state, , , , , , inode = ""]) => to.endsWith(remote) && state === "01" && own.has(inode))
			.length;
	}

	/** Ends it as Kubernetes does. */
	async stop(): Promise<void> {
		this.#child.kill("SIGTERM");
		await this.#ended;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.stop();
	}

	async #metrics(): Promise<string> {
		if (this.#hasEnded) return await this.#tellEnd();
		const silence = { before: patience, during: patience };
		const options = { agent: this.#agent, signal: AbortSignal.timeout(patience), silence };
		return await readText(await sendRequest(`${this.#url}/metrics`, options));
	}

	async #tellEnd(): Promise<never> {
		throw new Error(`the operator ended: ${(await readFile(this.#log, "utf8")).slice(-2_000)}`);
	}
}

function containerfile(): string {
	return readFileSync(new URL("../../deploy/operator/Containerfile", import.meta.url), "utf8");
}

/** Environment that the operator's image sets: it decides how much memory it takes. */
function imageEnvironment(): Readonly<Record<string, string>> {
	return Object.fromEntries(
		[...containerfile().matchAll(/^ENV (\w+)=(\S+)$/gm)].map(([, name = "", value = ""]) => [name, value]),
	);
}

/** Flags of Node that it sets: so do they. */
export function nodeFlags(): readonly string[] {
	const entrypoint = /^ENTRYPOINT (\[.*\])$/m.exec(containerfile())?.[1];
	if (entrypoint === undefined) throw new Error("deploy/operator/Containerfile has no ENTRYPOINT");
	return z
		.array(z.string())
		.parse(JSON.parse(entrypoint))
		.filter((part) => part.startsWith("--"));
}
