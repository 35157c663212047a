import { z } from "zod";

const logLine = z.object({ msg: z.string(), err: z.object({ message: z.string() }) });

/** A line of a reflector's log for people. */
export function interruption(line: string): string {
	const { msg, err } = logLine.parse(JSON.parse(line));
	return `${msg}, trying again: ${err.message}`;
}
