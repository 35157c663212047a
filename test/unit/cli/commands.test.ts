import { parseArgs } from "node:util";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type Command, findCommand, helpText } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/commands.ts";
import { dataForms, dataText } from "../../../src/cli/data.ts";

const all: readonly Command[] = commands.flatMap((command) => ("commands" in command ? command.commands : [command]));
const words = (example: string) => example.replace(/ > .*$/, "").split(" ");

describe.each(all.map((command) => [command.name, command] as const))("%s", (name, command) => {
	const help = helpText(command);

	test("help has the usage, an example, and every option that there is", () => {
		expect(help).toContain(`\nUsage: kubectl xmppfed ${name}`);
		expect(help).toContain(`\nExamples:\n  kubectl xmppfed ${name}`);
		for (const [option, { short }] of Object.entries(command.options)) {
			expect(help).toMatch(new RegExp(`^ ${short === undefined ? "    " : ` -${short},`} +--${option}\\b`, "m"));
		}
		const told = [...help.matchAll(/^ {2}(?: {4}|-\w, )--([\w-]+)/gm)].map(([, option]) => option);
		expect(new Set(told)).toEqual(new Set(Object.keys(command.options)));
		expect(told).toHaveLength(Object.keys(command.options).length);
	});

	test("no line of its help is longer than a terminal of 120 columns", () => {
		expect(help.split("\n").filter(({ length }) => length > 120)).toEqual([]);
	});

	test.each(command.examples)("the example %s is one that it takes", (example) => {
		const found = findCommand(commands, words(example));
		expect(found.command).toBe(command);
		const { positionals } = parseArgs({
			args: [...(found.rest ?? [])],
			options: command.options,
			allowPositionals: true,
			strict: true,
		});
		expect(positionals.length).toBeLessThanOrEqual(Math.max(command.takes.length, 0));
	});

	test("what -o takes stands in its help, json and yaml among it", () => {
		const outputs = "output" in command.options ? (command.outputs ?? dataForms) : [];
		const usage = outputs.length === 0 ? "" : `-o ${outputs.join("|")}`;
		expect(help).toContain(usage);
		expect(outputs.filter((form) => dataForms.some((known) => known === form))).toEqual(
			outputs.length === 0 ? [] : [...dataForms],
		);
		for (const form of outputs) expect(help.slice(help.indexOf("\n  -o,"))).toContain(form);
	});
});

test("data is one document that reads as it was, in both forms", () => {
	const shared = { long: "word ".repeat(60), text: "no: yes", number: 1, nothing: null };
	const value = { list: [shared, shared], lines: "a\nb\n", "a key": [] };
	expect(JSON.parse(dataText("json", value))).toEqual(value);
	expect(parse(dataText("yaml", value))).toEqual(value);
	expect(parse(dataText("yaml", value), { version: "1.1" })).toEqual(value);
	expect(dataText("yaml", value)).not.toMatch(/[&*]a\d/);
});
