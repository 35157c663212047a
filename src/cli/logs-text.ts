import { z } from "zod";
import type { Colour, Paint } from "./terminal.ts";

/** A line that a process of a gateway wrote (deploy/gateway/modules/xmppfed_json_log.lua). */
export interface LogLine {
	readonly pod: string;
	/** As its name in the pod has it: router or federation. */
	readonly role: string;
	readonly node: string;
	/** RFC 3339; empty where the line does not say. */
	readonly time: string;
	readonly level: string;
	readonly module: string;
	/** The same for all lines of one stream of one process. */
	readonly session: string;
	readonly message: string;
}

const written = z.looseObject({
	ts: z.string(),
	level: z.string().catch(""),
	module: z.string().catch(""),
	session: z.string().catch(""),
	msg: z.string().catch(""),
});

/** @param text what is no JSON, as what a crash leaves, is all message */
export function readLogLine(text: string, from: Pick<LogLine, "pod" | "role" | "node">): LogLine {
	const { ts: time = "", level = "", module = "", session = "", msg = text } = parse(text) ?? {};
	return { ...from, time, level, module, session, message: msg };
}

function parse(text: string) {
	try {
		return written.safeParse(JSON.parse(text)).data;
	} catch {
		return undefined;
	}
}

/** Lines of several processes in the order of their times; those without one stay behind the line before. */
export function merged(logs: readonly (readonly LogLine[])[]): readonly LogLine[] {
	const timed = logs.flatMap((lines) => {
		let last = "";
		return lines.map((line) => {
			last = line.time || last;
			return { line, at: last };
		});
	});
	// A stable sort keeps lines of one process in their order.
	return timed.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).map(({ line }) => line);
}

/** Which lines are about a peer: those that name it, and those of a stream of which another line does. */
export class PeerFilter {
	readonly #pattern: RegExp | undefined;
	readonly #sessions = new Set<string>();

	/** @param peer undefined: all lines */
	constructor(peer: string | undefined) {
		// Not a part of a longer name, but for that of its SRV record.
		const name = peer?.toLowerCase().replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
		this.#pattern =
			name === undefined
				? undefined
				: new RegExp(String.raw`(^|_tcp\.|[^a-z0-9.-])${name}(?![a-z0-9-]|\.[a-z0-9])`, "i");
	}

	/** To be called with every line before {@link takes}: a stream is named only after it has begun. */
	learn(line: LogLine): void {
		if (line.session !== "" && this.#pattern?.test(line.message)) this.#sessions.add(sessionKey(line));
	}

	takes(line: LogLine): boolean {
		if (!this.#pattern) return true;
		return this.#pattern.test(line.message) || (line.session !== "" && this.#sessions.has(sessionKey(line)));
	}
}

function sessionKey({ pod, role, module, session }: LogLine): string {
	return `${pod} ${role} ${module} ${session}`;
}

const colours: Readonly<Record<string, Colour>> = { warn: "yellow", error: "red" };
const roleWidth = "federation".length;
const levelWidth = "error".length;
const timeWidth = "2026-01-02T03:04:05.000Z".length;

/** One line: when, which node and process, how bad, what part of it and which stream, what. Pure. */
export function logText(line: LogLine, nodeWidth: number, paint: Paint): string {
	const { time, node, role, level, module, session, message } = line;
	const colour = colours[level];
	const padded = level.padEnd(levelWidth);
	const source = session === "" ? module : `${module} ${session}`;
	return [
		// Milliseconds are enough for people.
		time.replace(/(\.\d{3})\d*Z$/, "$1Z").padEnd(timeWidth),
		node.padEnd(nodeWidth),
		role.padEnd(roleWidth),
		colour ? paint(colour, padded) : padded,
		source === "" ? message : `${source}: ${message}`,
	].join("  ");
}
