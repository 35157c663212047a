import { spawn } from "node:child_process";
import { childOf } from "./child-of.ts";

/** A program in a machine, with what it has written. */
export class Program {
	readonly name: string;
	/** All lines of standard output and standard error, in order. */
	readonly lines: string[] = [];
	/** Process id as the test sees it. */
	readonly pid: number;
	readonly exit: Promise<number | NodeJS.Signals>;
	ended = false;
	/** nsenter. */
	readonly #outer: number;

	static async start(name: string, command: readonly string[], env: Record<string, string>): Promise<Program> {
		const [file = "", ...args] = command;
		const child = spawn(file, args, { env, stdio: ["ignore", "pipe", "pipe"] });
		const exit = new Promise<number | NodeJS.Signals>((resolve, reject) => {
			child.once("error", reject);
			child.once("close", (code, signal) => resolve(code ?? signal ?? "SIGKILL"));
		});
		const lines: string[] = [];
		for (const stream of [child.stdout, child.stderr]) {
			let rest = "";
			stream.setEncoding("utf8");
			stream.on("data", (text: string) => {
				const parts = (rest + text).split("\n");
				rest = parts.pop() ?? "";
				lines.push(...parts);
			});
			stream.on("end", () => {
				if (rest !== "") lines.push(rest);
			});
		}
		// nsenter makes a child for the process namespace and waits for it.
		const pid = await Promise.race([
			childOf(child.pid ?? 0),
			exit.then((code): never => {
				throw new Error(`${name} ended at once (${code}): ${lines.join("\n")}`);
			}),
		]);
		return new Program(name, pid, child.pid ?? pid, exit, lines);
	}

	private constructor(
		name: string,
		pid: number,
		outer: number,
		exit: Promise<number | NodeJS.Signals>,
		lines: string[],
	) {
		this.name = name;
		this.pid = pid;
		this.#outer = outer;
		this.exit = exit;
		this.lines = lines;
		void this.#noteEnd();
	}

	async #noteEnd(): Promise<void> {
		await this.exit;
		this.ended = true;
	}

	kill(signal: NodeJS.Signals): void {
		process.kill(this.pid, signal);
		// nsenter stops itself when its child is stopped, and is not continued with it.
		if (signal === "SIGCONT" || signal === "SIGKILL") process.kill(this.#outer, "SIGCONT");
	}

	/** The last lines, for messages. */
	tail(count = 30): string {
		return `${this.name}:\n${this.lines
			.slice(-count)
			.map((line) => `  ${line}`)
			.join("\n")}`;
	}
}
