import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { expect, test } from "vitest";
import { root } from "../../../deploy/generate.ts";
import { findCommand, helpText } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/commands.ts";
import type { Block } from "../../lib/markdown.ts";
import { allPages } from "../../lib/pages.ts";

interface Line {
	/** PAGE:LINE of its block. */
	readonly where: string;
	readonly text: string;
}

interface CommandBlock {
	readonly where: string;
	readonly comment: string | undefined;
	readonly lines: readonly Line[];
}

/** Programs that a line of a block without a language may begin with. */
const programs = /^(kubectl|npm|helm|argocd|sudo|curl|docker|git|XMPPFED_\w+=\S+ npm) /;

/** Not for readers who follow steps: measurements and reasons. Runbooks have a test of their own. */
const others = ["docs/results/", "docs/decisions/", "docs/runbooks/"];

const pages = await allPages();
const guide = [...pages].filter(([page]) => !others.some((directory) => page.startsWith(directory)));
const blocksOfGuide = guide.flatMap(([, { blocks }]) => blocks);

const found: readonly CommandBlock[] = guide
	.flatMap(([page, { blocks, comments }]) => {
		const ofPage = comments.find((comment) => comment.startsWith("Commands here are "));
		return blocks.map(({ line, language, text, comment = ofPage }) => {
			const where = `${page}:${line}`;
			return { where, comment, lines: commandLines(language, text).map((one) => ({ where, text: one })) };
		});
	})
	.filter(({ lines }) => lines.length > 0);
const lines = found.flatMap((block) => block.lines);

/** Lines with `$ ` before them, where a block has such; else every line that begins with a program and is no form. */
function commandLines(language: string, text: string): readonly string[] {
	if (language !== "" && language !== "sh") return [];
	const all = text.replaceAll("\\\n", " ").split("\n");
	const prompted = all.flatMap((line) => (line.startsWith("$ ") ? [line.slice(2)] : []));
	const shown = prompted.length > 0 ? prompted : all.filter((line) => programs.test(line) && !isForm(line));
	return shown.map((line) => line.replace(/ +# .*$/, ""));
}

/** What a command takes, as `--help` has it. */
function isForm(line: string): boolean {
	return /^kubectl xmppfed .*\[/.test(line);
}

test("the pages have commands to look at", () => {
	expect(lines.length).toBeGreaterThan(40);
});

test("a page says of its commands by which test they are run, or that they are not; a block may say otherwise", async () => {
	const silent = found.filter(
		({ comment = "" }) => !/^(Commands here are|Is) (run by|not run by a test:) ./.test(comment),
	);
	expect(silent.map(({ where }) => where)).toEqual([]);
	const tests = found.flatMap(({ where, comment = "" }) =>
		[...comment.matchAll(/\btest\/[\w./-]*\w/g)].map(([path]) => ({ where, path })),
	);
	expect(await missing(tests)).toEqual([]);
});

test("kubectl xmppfed takes every command that the pages give it", () => {
	const given = lines.filter(({ text }) => /\bkubectl xmppfed /.test(text));
	expect(given.length).toBeGreaterThan(15);
	expect(given.flatMap(({ where, text }) => (isTaken(text) ? [] : [`${where}: ${text}`]))).toEqual([]);
});

function isTaken(line: string): boolean {
	const [, after = ""] = /\bkubectl xmppfed ([^|>;&]*)/.exec(line) ?? [];
	const args = after.trim().split(/ +/).filter(Boolean);
	if (args.every((word) => word.startsWith("-"))) return args.includes("--help");
	try {
		const { command, group, rest = [] } = findCommand(commands, args);
		if (command) parseArgs({ args: [...rest], options: command.options, allowPositionals: true, strict: true });
		return command !== undefined || group !== undefined;
	} catch {
		return false;
	}
}

test("forms of commands are those that --help has, and docs/kubectl.md shows all of them", () => {
	const forms = (blocks: readonly Block[]) => blocks.flatMap(({ text }) => text.split("\n").filter(isForm));
	const usages = commands
		.flatMap((command) => ("commands" in command ? command.commands : [command]))
		.flatMap((command) => /^Usage: (.*)$/m.exec(helpText(command))?.[1] ?? [])
		.filter(isForm);
	expect(usages).toEqual(expect.arrayContaining(forms(blocksOfGuide)));
	expect(forms(pages.get("docs/kubectl.md")?.blocks ?? [])).toEqual(expect.arrayContaining(usages));
});

test("npm has every script that the pages run", async () => {
	const { scripts }: { scripts: Record<string, string> } = JSON.parse(
		await readFile(join(root, "package.json"), "utf8"),
	);
	const run = lines.flatMap(({ where, text }) =>
		[...text.matchAll(/\bnpm run ([\w:]+)/g)].map(([, script = ""]) => ({ where, script })),
	);
	expect(run.length).toBeGreaterThan(8);
	expect(run.filter(({ script }) => scripts[script] === undefined)).toEqual([]);
});

test("files of the repository that commands name are there", async () => {
	const named = lines.flatMap(({ where, text }) =>
		[...text.matchAll(/(?<= |=)(?:deploy|charts|crds|test|docs)(?:\/[\w.-]+)*/g)].map(([path]) => ({ where, path })),
	);
	expect(named.length).toBeGreaterThan(3);
	expect(await missing(named)).toEqual([]);
});

async function missing(paths: readonly { readonly where: string; readonly path: string }[]): Promise<string[]> {
	const looked = await Promise.all(
		paths.map(async ({ where, path }) =>
			access(join(root, path)).then(
				() => [],
				() => [`${where}: ${path}`],
			),
		),
	);
	return looked.flat();
}
