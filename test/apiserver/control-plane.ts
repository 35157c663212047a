import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { loopbackCertificates, serviceAccountKeys } from "./certificates.ts";

const prefix = "xmppfed-control-plane-";
/** On two busy cores the pair is up after 5 to 15 seconds. */
const startDeadline = 120_000;

export interface Binaries {
	readonly etcd: string;
	readonly "kube-apiserver": string;
}

export interface ControlPlane {
	/** Kubeconfig of a user of the group system:masters. */
	readonly kubeconfig: string;
	readonly server: string;
	/** etcd's client URL, without authentication, on loopback. */
	readonly etcd: string;
	/** Process ids of etcd and of the API server. */
	pids(): number[];
	/** Ends the API server as a crash does. etcd goes on. */
	killApiserver(): Promise<void>;
	/** Starts the API server again on the same port with the same certificates and tokens. */
	startApiserver(): Promise<void>;
	/** Ends etcd as a crash does: what it was told is on disk. The API server goes on without it. */
	killEtcd(): Promise<void>;
	/** Starts etcd again with its data. */
	startEtcd(): void;
	/** Ends both processes and removes their files. */
	stop(): Promise<void>;
}

export interface ControlPlaneOptions {
	/** Bytes that etcd may hold; its default is 2 GiB. */
	readonly etcdQuota?: number;
}

/** A real etcd and a real kube-apiserver on loopback, RBAC on, nothing else: no controllers, no kubelet. */
export async function startControlPlane(
	binaries: Binaries,
	{ etcdQuota }: ControlPlaneOptions = {},
): Promise<ControlPlane> {
	await removeLeftovers();
	const directory = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
	const file = (name: string) => join(directory, name);
	const [clientPort, peerPort, securePort] = await freePorts(3);
	const etcdUrl = `http://127.0.0.1:${clientPort}`;
	const peerUrl = `http://127.0.0.1:${peerPort}`;
	const server = `https://127.0.0.1:${securePort}`;
	const token = randomBytes(24).toString("hex");
	const [certificates, signing] = await Promise.all([loopbackCertificates(), serviceAccountKeys()]);
	await Promise.all([
		writeFile(file("ca.crt"), certificates.ca),
		writeFile(file("tls.crt"), certificates.server.certificate),
		writeFile(file("tls.key"), certificates.server.key, { mode: 0o600 }),
		writeFile(file("sa.key"), signing.private, { mode: 0o600 }),
		writeFile(file("sa.pub"), signing.public),
		writeFile(file("tokens.csv"), `${token},admin,admin,system:masters\n`, { mode: 0o600 }),
		writeFile(file("kubeconfig"), kubeconfig(server, certificates.ca, token), { mode: 0o600 }),
	]);

	const etcdArguments = [
		`--data-dir=${file("etcd")}`,
		`--listen-client-urls=${etcdUrl}`,
		`--advertise-client-urls=${etcdUrl}`,
		`--listen-peer-urls=${peerUrl}`,
		`--initial-advertise-peer-urls=${peerUrl}`,
		`--initial-cluster=default=${peerUrl}`,
		// The data lives as long as the test run.
		"--unsafe-no-fsync",
		...(etcdQuota === undefined ? [] : [`--quota-backend-bytes=${etcdQuota}`]),
	];
	let etcd = startProcess(binaries.etcd, file("etcd.log"), etcdArguments);
	const apiserverArguments = [
		`--etcd-servers=${etcdUrl}`,
		"--bind-address=127.0.0.1",
		`--secure-port=${securePort}`,
		`--tls-cert-file=${file("tls.crt")}`,
		`--tls-private-key-file=${file("tls.key")}`,
		`--token-auth-file=${file("tokens.csv")}`,
		"--authorization-mode=RBAC",
		`--service-account-issuer=${server}`,
		`--service-account-key-file=${file("sa.pub")}`,
		`--service-account-signing-key-file=${file("sa.key")}`,
		"--service-cluster-ip-range=10.96.0.0/16",
		"--endpoint-reconciler-type=none",
		// No controller makes the default service accounts that this plugin waits for.
		"--disable-admission-plugins=ServiceAccount",
	];
	let apiserver: Running | undefined;

	async function startApiserver(): Promise<void> {
		const starting = startProcess(binaries["kube-apiserver"], file("apiserver.log"), apiserverArguments);
		apiserver = starting;
		await ready(server, certificates.ca, token, [etcd, starting]);
	}

	async function stop(): Promise<void> {
		await Promise.all([apiserver?.kill(), etcd.kill()]);
		await rm(directory, { recursive: true, force: true });
	}

	try {
		await startApiserver();
	} catch (error) {
		await stop();
		throw error;
	}
	return {
		kubeconfig: file("kubeconfig"),
		server,
		etcd: etcdUrl,
		pids: () => [etcd, apiserver].flatMap((running) => running?.process.pid ?? []),
		killEtcd: async () => await etcd.kill(),
		startEtcd: () => {
			etcd = startProcess(binaries.etcd, file("etcd.log"), etcdArguments);
		},
		killApiserver: async () => await apiserver?.kill(),
		startApiserver,
		stop,
	};
}

export interface Running {
	readonly process: ChildProcess;
	readonly log: string;
	readonly ended: Promise<void>;
	kill(): Promise<void>;
}

/** `setpriv --pdeathsig` makes the kernel end the process when this one ends, also by SIGKILL. */
export function startProcess(
	program: string,
	log: string,
	args: readonly string[],
	env: NodeJS.ProcessEnv = process.env,
): Running {
	const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...args], {
		stdio: ["ignore", "pipe", "pipe"],
		env,
	});
	const output = createWriteStream(log, { flags: "a" });
	child.stdout.pipe(output, { end: false });
	child.stderr.pipe(output, { end: false });
	const ended = new Promise<void>((resolve) => {
		child.once("close", () => output.end(resolve));
		child.once("error", (error) => output.end(`${String(error)}\n`, resolve));
	});
	return {
		process: child,
		log,
		ended,
		async kill() {
			child.kill("SIGKILL");
			await ended;
		},
	};
}

/** Waits for /readyz; when a process ends before that, says so with the end of its log. */
async function ready(server: string, ca: string, token: string, processes: readonly Running[]): Promise<void> {
	const agent = new Agent({ connect: { ca }, allowH2: false });
	const deadline = Date.now() + startDeadline;
	const ended: Running[] = [];
	for (const running of processes) void running.ended.then(() => ended.push(running));
	let last = "no answer";
	try {
		while (Date.now() < deadline && ended.length === 0) {
			try {
				const response = await request(`${server}/readyz`, {
					dispatcher: agent,
					headers: { authorization: `Bearer ${token}` },
					signal: AbortSignal.timeout(5_000),
				});
				last = `${response.statusCode} ${await response.body.text()}`;
				if (response.statusCode === 200) return;
			} catch (error) {
				last = String(error);
			}
			await sleep(100);
		}
	} finally {
		await agent.destroy();
	}
	const shown = ended[0] ?? processes.at(-1);
	const tail = shown ? (await readFile(shown.log, "utf8")).split("\n").slice(-20).join("\n") : "";
	throw new Error(
		`the test control plane did not become ready: ${ended.length > 0 ? "a process ended" : last}\n${shown?.log}:\n${tail}`,
	);
}

function kubeconfig(server: string, ca: string, token: string): string {
	return JSON.stringify({
		apiVersion: "v1",
		kind: "Config",
		clusters: [{ name: "test", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
		users: [{ name: "admin", user: { token } }],
		contexts: [{ name: "test", context: { cluster: "test", user: "admin", namespace: "default" } }],
		"current-context": "test",
	});
}

/** Ports that are free now: all are held open until the last is found, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
	const servers = await Promise.all(
		Array.from(
			{ length: count },
			() =>
				new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
					const candidate = createServer().once("error", reject);
					candidate.listen(0, "127.0.0.1", () => resolve(candidate));
				}),
		),
	);
	const ports = servers.map((candidate) => {
		const address = candidate.address();
		if (address === null || typeof address === "string") throw new Error("a listening TCP server has no port");
		return address.port;
	});
	await Promise.all(servers.map((candidate) => new Promise((resolve) => candidate.close(resolve))));
	return ports;
}

/** Removes the directories of runs that were killed: the process id in the name is of no process any more. */
async function removeLeftovers(): Promise<void> {
	for (const name of await readdir(tmpdir())) {
		const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
		if (!Number.isNaN(pid) && !isAlive(pid)) await rm(join(tmpdir(), name), { recursive: true, force: true });
	}
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error instanceof Error && "code" in error && error.code === "EPERM";
	}
}
