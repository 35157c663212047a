import { expect, test } from "vitest";
import { shownCommands } from "../../lib/shown-commands.ts";

test("a block has commands, each with what it prints", () => {
	const text = "$ kubectl get a\none\n$ nslookup two\n$ kubectl get b\n$ kubectl get \\\n  c\nthree\n$ kubectl get d\n";
	expect(shownCommands({ line: 7, language: "", text })).toEqual([
		{ line: 8, command: "kubectl get a", printed: "one\n$ nslookup two\n" },
		{ line: 11, command: "kubectl get b", printed: "" },
		{ line: 12, command: "kubectl get \\\n  c", printed: "three\n" },
		{ line: 15, command: "kubectl get d", printed: "" },
	]);
});

test.each([
	["only output", "one\ntwo\n"],
	["a command of another program", "$ curl -s http://POD:9269/status\n"],
	["commands without what they print", "kubectl get a\n"],
])("%s is none", (_what, text) => {
	expect(shownCommands({ line: 1, language: "", text })).toEqual([]);
});
