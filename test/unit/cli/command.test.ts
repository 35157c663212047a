import { describe, expect, test } from "vitest";
import { type Command, type Commands, findCommand, overview } from "../../../src/cli/command.ts";
import { complete } from "../../../src/cli/complete.ts";

const command = (name: string): Command => ({
	name,
	summary: `does ${name}`,
	help: `help of ${name}`,
	examples: [name],
	options: { output: { type: "string", short: "o" } },
	takes: [],
	run: async () => 0,
});
const commands: Commands = [
	command("status"),
	{ name: "dns", summary: "about DNS", commands: [command("dns show"), command("dns check")] },
];

describe("the command that words name", () => {
	test("one of its own", () => {
		expect(findCommand(commands, ["status", "example", "-w"])).toMatchObject({
			command: { name: "status" },
			rest: ["example", "-w"],
		});
	});

	test("one of a group", () => {
		expect(findCommand(commands, ["dns", "check", "peer.example"])).toMatchObject({
			command: { name: "dns check" },
			rest: ["peer.example"],
		});
	});

	test.each([[["dns"]], [["dns", "--help"]], [["dns", "-h"]]])("%j names the group", (words) => {
		expect(findCommand(commands, words)).toMatchObject({ group: { name: "dns" } });
	});

	test.each([
		[["sttus"], 'there is no command "sttus"; there are: status, dns'],
		[["dns", "chek"], 'there is no command "dns chek"; there are: dns show, dns check'],
	])("%j names none", (words, message) => {
		expect(() => findCommand(commands, words)).toThrow(message);
	});
});

test("the overview has one line for each, in columns", () => {
	expect(overview(commands)).toBe("  status   does status\n  dns      about DNS");
});

describe("completion", () => {
	test.each([
		[["d"], "dns\n:4"],
		[["dns", ""], "show\ncheck\n:4"],
		[["dns", "ch"], "check\n:4"],
		[["dns", "check", "-"], "--output\n:4"],
		[["dns", "none", ""], ":4"],
		[["none", ""], ":4"],
	])("of %j", async (words, offered) => {
		expect(await complete(words, commands)).toBe(offered);
	});
});
