import { expect, test } from "vitest";
import { readPage } from "../../lib/markdown.ts";

const page = [
	"# Title, with `code`",
	"A [link](other.md#part) and `[none](in-code.md)`.",
	"",
	"<!-- not run: why -->",
	"```sh",
	"# no heading",
	"echo [none](in-block.md)",
	"```",
	"## Again",
	"```",
	"plain",
	"```",
	"| Reason | Means |",
	"| --- |:---:|",
	"| `One`, Two | both |",
	"| Three | |",
	"## Again",
].join("\n");

test("a page has blocks, links, tables and anchors", () => {
	expect(readPage(page)).toEqual({
		blocks: [
			{ line: 5, language: "sh", text: "# no heading\necho [none](in-block.md)\n", comment: "not run: why" },
			{ line: 10, language: "", text: "plain\n" },
		],
		links: [{ line: 2, target: "other.md#part" }],
		tables: [
			{
				head: ["Reason", "Means"],
				rows: [
					["One, Two", "both"],
					["Three", ""],
				],
			},
		],
		comments: ["not run: why"],
		anchors: new Set(["title-with-code", "again", "again-1"]),
	});
});

test("a block that is not closed is a mistake", () => {
	expect(() => readPage("```\ntext")).toThrow("the block of line 1 is not closed");
});
