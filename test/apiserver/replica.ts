import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { nodeFlags } from "../lib/operator-process.ts";
import { startApiProxy } from "./api-proxy.ts";
import { defaults } from "./operator-support.ts";

const program = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Replica {
	readonly pid: number;
	/** What it logged, oldest first. */
	readonly log: readonly Record<string, unknown>[];
	logged(message: string): boolean;
	/** Where it serves /metrics. */
	readonly port: number | undefined;
	signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): void;
	/** Exit code; null where a signal ended it. */
	readonly ended: Promise<number | null>;
}

/** Runs the operator in a process of its own, as its image does. It ends with the test. */
export function startReplica(
	name: string,
	settings: {
		readonly kubeconfig: string;
		readonly args: readonly string[];
		readonly httpPort?: number;
		readonly environment?: Readonly<Record<string, string>>;
	},
): Replica {
	const given = settings.args.map((argument) => argument.split("=")[0]);
	const images = [`--gateway-image=${defaults.gatewayImage}`, `--http-port=${settings.httpPort ?? 0}`];
	const more = images.filter((argument) => !given.includes(argument.split("=")[0]));
	const command = [
		process.execPath,
		...nodeFlags(),
		program,
		`--kubeconfig=${settings.kubeconfig}`,
		...settings.args,
		...more,
	];
	// It must not outlive the test, whatever ends that.
	const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], {
		stdio: ["ignore", "pipe", "inherit"],
		env: { ...process.env, POD_NAME: name, ...settings.environment },
	});
	const log: Record<string, unknown>[] = [];
	createInterface(child.stdout).on("line", (line) => {
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- pino writes objects
		log.push(JSON.parse(line) as Record<string, unknown>);
	});
	const ended = once(child, "exit").then(([code]) => (typeof code === "number" ? code : null));
	onTestFinished(async () => {
		child.kill("SIGKILL");
		await ended;
	});
	if (child.pid === undefined) throw new Error("the operator's process did not start");
	return {
		pid: child.pid,
		log,
		logged: (message) => log.some(({ msg }) => String(msg).includes(message)),
		port: settings.httpPort,
		signal: (signal) => void child.kill(signal),
		ended,
	};
}

/** Seconds; the defaults are 15, 10 and 2. */
const timing = ["--lease-duration=4", "--renew-deadline=3", "--retry-period=1"];

/** A replica for one namespace, and the proxy that all its requests go through: an audit of what it writes. */
export async function auditedReplica(namespace: string, name: string) {
	const proxy = await startApiProxy();
	const args = [`--namespace=${namespace}`, `--leader-election-namespace=${namespace}`, ...timing];
	const replica = startReplica(name, { kubeconfig: proxy.kubeconfig, args });
	/** Writes of the work itself, which only a leader may do; those that reached the API server. */
	const acts = () => proxy.writes().filter(({ resource, forwarded }) => forwarded && resource !== "leases");
	return { name, proxy, ...replica, acts };
}

export type AuditedReplica = Awaited<ReturnType<typeof auditedReplica>>;
