import type { Connection } from "./connection.ts";
import { ApiError, ApiUnreachableError, type Call } from "./errors.ts";
import { readText } from "./http-request.ts";
import { resourcePath } from "./object.ts";
import { pods } from "./resources.ts";
import { WebSocketConnection } from "./web-socket.ts";

/** One process of a pod. */
export interface PodProcess {
	readonly namespace: string;
	readonly pod: string;
	readonly container: string;
}

export interface ExecOptions {
	/** Each whole line of standard output, as it comes. */
	readonly onLine: (line: string) => void;
	/** ms for all of it. */
	readonly timeout: number;
}

export interface LogOptions {
	/** Each whole line, as it comes. */
	readonly onLine: (line: string) => void;
	/** Goes on until the process ends or `signal` is aborted. */
	readonly follow: boolean;
	/** Seconds back. */
	readonly since: number;
	readonly signal: AbortSignal;
}

export interface ExecResult {
	readonly code: number;
	/** Standard error, its end. */
	readonly errors: string;
}

/** Channels of `v5.channel.k8s.io`: the first byte of each message. */
const channels = { output: 1, errors: 2, result: 3 } as const;
/** Of a forwarded port: its data, and what went wrong. */
const portChannels = { data: 0, error: 1 } as const;
/** Bytes; the status of a gateway with all the streams that it may have is some MiB. */
const longestAnswer = 64 * 1024 * 1024;
const longestErrors = 4_096;
/** ms until a log begins to come, and until it goes on. */
const logTimeout = 30_000;

/**
 * Reaches into pods through the API server and the kubelet (docs/decisions/0012): from inside the pod's own network
 * namespace, where no NetworkPolicy holds anything up.
 */
export class PodAccess {
	readonly #connection: Connection;

	/** @param connection shared with a KubernetesClient, which closes it */
	constructor(connection: Connection) {
		this.#connection = connection;
	}

	/**
	 * Runs a command to its end. Needs the right to create pods/exec.
	 *
	 * @throws {ApiError} where the API server refuses, {@link ApiUnreachableError} where it does not answer or the
	 * connection is lost
	 */
	async exec(
		{ namespace, pod, container }: PodProcess,
		command: readonly string[],
		options: ExecOptions,
	): Promise<ExecResult> {
		const call: Call = { verb: "create", resource: "pods/exec", namespace, name: pod };
		const query = new URLSearchParams([
			["container", container],
			["stdout", "true"],
			["stderr", "true"],
			...command.map((word): [string, string] => ["command", word]),
		]);
		const lines = new Lines(options.onLine);
		let errors = "";
		let result: string | undefined;
		await this.#talk(
			call,
			`${resourcePath(pods, namespace, pod, "exec")}?${query.toString()}`,
			["v5.channel.k8s.io", "v4.channel.k8s.io"],
			options.timeout,
			{
				onMessage: (channel, data) => {
					if (channel === channels.output) lines.take(data);
					if (channel === channels.errors) errors = (errors + data.toString()).slice(-longestErrors);
					if (channel === channels.result) result = (result ?? "") + data.toString();
					return false;
				},
			},
		);
		lines.end();
		if (result === undefined)
			throw new ApiUnreachableError(call, new Error("the connection ended before the command did"));
		return { code: exitCode(call, result), errors };
	}

	/**
	 * What a process has written, to its end. Needs the right to get pods/log.
	 *
	 * @throws as {@link exec}
	 */
	async logs({ namespace, pod, container }: PodProcess, { onLine, follow, since, signal }: LogOptions): Promise<void> {
		const call: Call = { verb: "get", resource: "pods/log", namespace, name: pod };
		const query = new URLSearchParams({ container, follow: String(follow), sinceSeconds: String(since) });
		const lines = new Lines(onLine);
		try {
			const response = await this.#connection.send({
				path: `${resourcePath(pods, namespace, pod, "log")}?${query.toString()}`,
				isWatch: true,
				signal,
				// A process may have nothing to say for days.
				silence: { before: logTimeout, during: follow ? 0 : logTimeout },
			});
			if (response.statusCode !== 200) {
				throw new ApiError(call, response.statusCode ?? 0, parsed(await readText(response, longestErrors * 16)));
			}
			for await (const data of response as AsyncIterable<Buffer>) lines.take(data);
		} catch (error) {
			if (signal.aborted) return;
			throw error instanceof ApiError ? error : new ApiUnreachableError(call, error);
		}
		lines.end();
	}

	/**
	 * The body of what a port of a pod answers to a GET over HTTP. Needs the right to create pods/portforward.
	 *
	 * @throws as {@link exec}, and {Error} where what answers is no HTTP or says no
	 */
	async get(namespace: string, pod: string, port: number, path: string, timeout: number): Promise<string> {
		const call: Call = { verb: "create", resource: "pods/portforward", namespace, name: pod };
		const answer: Buffer[] = [];
		let length = 0;
		let error = "";
		const seen = new Set<number>();
		await this.#talk(
			call,
			`${resourcePath(pods, namespace, pod, "portforward")}?ports=${port}`,
			["v4.channel.k8s.io"],
			timeout,
			{
				onOpen: (send) => send(portChannels.data, `GET ${path} HTTP/1.0\r\nHost: localhost\r\n\r\n`),
				onMessage: (channel, data) => {
					// The first message of each channel is the port's number.
					if (!seen.has(channel)) seen.add(channel);
					else if (channel === portChannels.error) error += data.toString();
					else {
						answer.push(data);
						length += data.length;
						if (length > longestAnswer) error = `the answer is longer than ${longestAnswer} bytes`;
					}
					return error !== "" || isWhole(answer);
				},
			},
		);
		if (error !== "") throw new Error(error.trim());
		return bodyOf(Buffer.concat(answer).toString());
	}

	/** Opens a WebSocket, and returns when it has ended, also because `onMessage` has said that it has all. */
	async #talk(
		call: Call,
		path: string,
		protocols: readonly string[],
		timeout: number,
		{
			onOpen,
			onMessage,
		}: {
			readonly onOpen?: (send: (channel: number, text: string) => void) => void;
			readonly onMessage: (channel: number, data: Buffer) => boolean;
		},
	): Promise<void> {
		const signal = AbortSignal.timeout(timeout);
		try {
			const { headers, watches } = await this.#connection.authenticate();
			const options = { agent: watches, headers, protocols, signal };
			const socket = await WebSocketConnection.open(`${this.#connection.server}${path}`, options);
			if (!(socket instanceof WebSocketConnection)) {
				throw new ApiError(call, socket.statusCode ?? 0, parsed(await readText(socket, longestErrors * 16)));
			}
			onOpen?.((channel, text) => socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(text)])));
			for await (const message of socket.messages()) {
				if (message.length > 0 && onMessage(message.readUInt8(0), message.subarray(1))) break;
			}
		} catch (error) {
			if (error instanceof ApiError) throw error;
			throw new ApiUnreachableError(call, signal.aborted ? new Error(`no answer within ${timeout / 1000} s`) : error);
		}
	}
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

/** Exit code of the command, from what the API server says at its end (meta/v1.Status). */
function exitCode(call: Call, result: string): number {
	const body = parsed(result);
	if (typeof body === "object" && body !== null && "status" in body && body.status === "Success") return 0;
	const error = new ApiError(call, 500, body);
	const code = error.details.causes?.find(({ reason }) => reason === "ExitCode")?.message;
	if (code === undefined) throw error;
	return Number(code);
}

/** Lines of bytes that come in pieces. */
class Lines {
	readonly #onLine: (line: string) => void;
	readonly #decoder = new TextDecoder();
	#rest = "";

	constructor(onLine: (line: string) => void) {
		this.#onLine = onLine;
	}

	take(data: Buffer): void {
		const lines = (this.#rest + this.#decoder.decode(data, { stream: true })).split("\n");
		this.#rest = lines.pop() ?? "";
		for (const line of lines) this.#onLine(line);
	}

	end(): void {
		if (this.#rest !== "") this.#onLine(this.#rest);
	}
}

const headEnd = "\r\n\r\n";

/** Whether an answer has all the bytes that its head promises. */
function isWhole(answer: readonly Buffer[]): boolean {
	const start = answer[0]?.toString("latin1") ?? "";
	const head = start.includes(headEnd) ? start : Buffer.concat(answer).toString("latin1");
	const end = head.indexOf(headEnd);
	const promised = /^content-length: *(\d+)\r?$/im.exec(head.slice(0, end))?.[1];
	if (end < 0 || promised === undefined) return false;
	const length = answer.reduce((sum, { length: bytes }) => sum + bytes, 0);
	return length >= end + headEnd.length + Number(promised);
}

/** @throws {Error} for what is no answer, or none of status 200 */
function bodyOf(answer: string): string {
	const [, status, words] = /^HTTP\/1\.[01] (\d+) ?([^\r]*)\r\n/.exec(answer) ?? [];
	if (status === undefined) throw new Error(answer === "" ? "it sends no answer" : "what it answers is no HTTP");
	if (status !== "200") throw new Error(`it answers ${status} ${words}`);
	return answer.slice(answer.indexOf(headEnd) + headEnd.length);
}
