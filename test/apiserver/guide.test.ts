import { beforeAll, expect, test } from "vitest";
import { buildKubectlPlugin } from "../../deploy/build.ts";
import { allPages } from "../lib/pages.ts";
import { type ShownCommand, shownCommands } from "../lib/shown-commands.ts";
import type { Scene } from "./guide/scene.ts";
import { scenes } from "./guide/scenes.ts";
import { type Shell, shellIn } from "./guide/shell.ts";

// Pages of the guide whose commands need no more than an API server: each command prints what the page says.

const pages = await allPages();

beforeAll(async () => void (await buildKubectlPlugin()));

test("pages that say that they are played here are all that are", () => {
	const saying = [...pages].filter(([, { comments }]) =>
		comments.some((comment) => comment.startsWith("Commands here are run by test/apiserver/guide.test.ts")),
	);
	expect(saying.map(([path]) => path).toSorted()).toEqual(scenes.flatMap(({ paths }) => paths).toSorted());
});

test.each(scenes.map((scene) => [scene.paths.join(" and "), scene] as const))(
	"every command of %s prints what it says",
	async (_paths, { paths, setUp }) => {
		const scene = await setUp(pages);
		const shell = await shellIn(scene);
		for (const path of paths) {
			// A block with a comment of its own says itself what runs it.
			const blocks = (pages.get(path)?.blocks ?? []).filter(({ comment }) => comment === undefined);
			const commands = blocks.flatMap(shownCommands);
			expect(commands.length).toBeGreaterThan(1);
			for (const shown of commands) await expectShown(path, shown, scene, shell);
		}
	},
	120_000,
);

async function expectShown(
	path: string,
	{ line, command, printed }: ShownCommand,
	{ before, toRun = same, toShow = same, namespace }: Scene,
	shell: Shell,
): Promise<void> {
	await before?.(printed);
	const isCut = printed.endsWith("\n...\n");
	const expected = comparable(isCut ? printed.slice(0, -"...\n".length) : printed);
	const print = async () => {
		const text = comparable(toShow((await shell(toRun(command))).printed).replaceAll(namespace, "chat"));
		return isCut ? text.slice(0, expected.length) : text;
	};
	const message = `${path}:${line}: ${command}`;
	// What the operator still has to do for it is done a moment later.
	await expect.poll(print, { timeout: 20_000, interval: 100, message }).toBe(expected);
}

function same(text: string): string {
	return text;
}

/** With ages, times and revisions of nodes as one; what ends without a line's end as a terminal shows it. */
function comparable(text: string): string {
	return text
		.replaceAll(/\b\d+[smh]$/gm, "AGE")
		.replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "TIME")
		.replaceAll(/\b[0-9a-f]{10}\b/g, "REVISION")
		.trimEnd();
}
