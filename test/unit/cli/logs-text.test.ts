import { expect, test } from "vitest";
import { type LogLine, logText, merged, PeerFilter, readLogLine } from "../../../src/cli/logs-text.ts";
import { plain } from "../../../src/cli/terminal.ts";

const from = { pod: "example-gw-1-abc", role: "federation", node: "gw-1" };
const line = (message: string, more: Partial<LogLine> = {}): LogLine => ({
	...from,
	time: "2026-06-01T12:00:00.000001Z",
	level: "info",
	module: "s2sout",
	session: "5f0a",
	message,
	...more,
});

test("a line of a gateway is read and shown in columns", () => {
	const text = JSON.stringify({
		ts: "2026-06-01T12:00:00.123456Z",
		level: "warn",
		role: "federation",
		node: "gw-1",
		module: "s2sin",
		session: "5f0a",
		msg: "Connection failed",
	});
	const read = readLogLine(text, from);
	expect(read).toEqual(
		line("Connection failed", { time: "2026-06-01T12:00:00.123456Z", level: "warn", module: "s2sin" }),
	);
	expect(logText(read, "inside".length, plain)).toBe(
		"2026-06-01T12:00:00.123Z  gw-1    federation  warn   s2sin 5f0a: Connection failed",
	);
	expect(logText(read, 4, (colour, words) => `${colour}(${words})`)).toContain("yellow(warn )");
});

test.each(["lua5.4: out of memory", "[1,2]", "{}", "null"])("what is none, as %s, is all message", (text) => {
	const read = readLogLine(text, from);
	expect(read.message).toBe(text);
	expect(logText(read, 4, plain).trimStart()).toBe(`gw-1  federation         ${text}`);
});

test("lines of several processes come in the order of time; those without stay where they were", () => {
	const at = (second: number, message: string) => line(message, { time: `2026-06-01T12:00:0${second}Z` });
	const lines = merged([
		[at(1, "a1"), line("a1, second line", { time: "" }), at(4, "a4")],
		[at(0, "b0"), at(2, "b2"), at(4, "b4")],
		[],
	]);
	expect(lines.map(({ message }) => message)).toEqual(["b0", "a1", "a1, second line", "b2", "a4", "b4"]);
});

test("of one peer: the lines that name it, and the others of their streams", () => {
	const filter = new PeerFilter("partner.example");
	const lines = [
		line("Beginning new connection attempt"),
		line("Incoming s2s connection", { session: "77" }),
		line("Looking up _xmpp-server._tcp.partner.example."),
		line("Authenticated partner.example (EXTERNAL)", { module: "s2sin", session: "77" }),
		line("Closed"),
		line("Closed", { pod: "other" }),
		line("Closed", { module: "s2sin", session: "77" }),
		line("notpartner.example, partner.example.org and sub.partner.example are others", { session: "" }),
		line("to=<user@partner.example>", { session: "" }),
		line("Partner.Example: refused", { session: "" }),
	];
	for (const one of lines) filter.learn(one);
	expect(lines.flatMap((one, index) => (filter.takes(one) ? [index] : []))).toEqual([0, 2, 3, 4, 6, 8, 9]);
	expect(lines.every((one) => new PeerFilter(undefined).takes(one))).toBe(true);
});
