import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { expect, test } from "vitest";
import { root } from "../../../deploy/generate.ts";
import { findCommand } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/commands.ts";
import { alerts } from "../../lib/alerts.ts";
import { groupedBy } from "../../lib/promql.ts";

const directory = join(root, "docs/runbooks");
const pages = readdirSync(directory).filter((name) => name !== "README.md");

test("each alert has a page, and each page an alert", () => {
	expect(pages.toSorted()).toEqual(alerts.map(({ alert }) => `${alert}.md`).toSorted());
});

test.each(pages)("%s", (page) => {
	const text = readFileSync(join(directory, page), "utf8");
	const parts = [...text.matchAll(/^(#|\*\*)[^*\n]+/gm)].map(([part]) => part);
	expect(parts).toEqual([`# ${page.replace(".md", "")}`, "**Means.", "**Users notice.", "**Look at", "**Do"]);
	// Those that need no pod are run by test/apiserver/runbooks.test.ts; all must be ones that the plugin knows.
	for (const [, line = ""] of text.matchAll(/kubectl xmppfed ([^`\n]+)/g)) {
		const { command, rest = [] } = findCommand(commands, line.split(" "));
		if (!command) throw new Error(`not a command: ${line}`);
		parseArgs({ args: [...rest], options: command.options, allowPositionals: true, strict: true });
	}
});

test.each(alerts)("$alert says nothing of labels that it does not have", ({ expr, annotations }) => {
	const used = [
		...Object.values(annotations)
			.join(" ")
			.matchAll(/\$labels\.(\w+)/g),
	].map(([, label = ""]) => label);
	expect(groupedBy(expr)).toEqual(expect.arrayContaining(used));
});
