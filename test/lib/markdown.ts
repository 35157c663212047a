/** A fenced block of a page. */
export interface Block {
	/** Of the line that opens it, from 1. */
	readonly line: number;
	/** What stands behind the fence, such as `yaml`. */
	readonly language: string;
	readonly text: string;
	/** The comment (`<!-- -->`) right before the block, without its marks. */
	readonly comment?: string;
}

export interface Link {
	readonly line: number;
	readonly target: string;
}

export interface Table {
	readonly head: readonly string[];
	readonly rows: readonly (readonly string[])[];
}

/** What the tests read of a page: enough Markdown for the pages of this repository. */
export interface Page {
	readonly blocks: readonly Block[];
	readonly links: readonly Link[];
	readonly tables: readonly Table[];
	/** Those on a line of their own (`<!-- -->`), without their marks. */
	readonly comments: readonly string[];
	/** Names by which a link may point to a heading, as GitHub makes them. */
	readonly anchors: ReadonlySet<string>;
}

/** Pure. @throws {Error} where a block is not closed */
export function readPage(text: string): Page {
	const blocks: Block[] = [];
	const links: Link[] = [];
	const tables: { head: readonly string[]; rows: (readonly string[])[] }[] = [];
	let table: (typeof tables)[number] | undefined;
	const comments: string[] = [];
	const anchors = new Set<string>();
	let comment: string | undefined;
	let open: { line: number; language: string; lines: string[] } | undefined;
	for (const [index, line] of text.split("\n").entries()) {
		const fence = /^```(.*)$/.exec(line);
		if (open && fence) {
			const { lines, ...rest } = open;
			blocks.push({ ...rest, text: lines.map((one) => `${one}\n`).join(""), ...(comment && { comment }) });
			[open, comment] = [undefined, undefined];
		} else if (open) {
			open.lines.push(line);
		} else if (fence) {
			open = { line: index + 1, language: fence[1] ?? "", lines: [] };
		} else {
			const said = /^<!-- (.*) -->$/.exec(line)?.[1];
			if (said !== undefined) comments.push(said);
			if (line.trim() !== "") comment = said;
			const cells = cellsOf(line);
			if (!cells) table = undefined;
			else if (!table) tables.push((table = { head: cells, rows: [] }));
			else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) table.rows.push(cells);
			const heading = /^#+ +(.*)$/.exec(line)?.[1];
			if (heading !== undefined) anchors.add(freeAnchor(anchorOf(heading), anchors));
			for (const [, target = ""] of withoutCode(line).matchAll(/\]\(([^)\s]+)\)/g)) {
				links.push({ line: index + 1, target });
			}
		}
	}
	if (open) throw new Error(`the block of line ${open.line} is not closed`);
	return { blocks, links, tables, comments, anchors };
}

/** Of a row of a table, without marks of code; undefined where it is none. */
function cellsOf(line: string): readonly string[] | undefined {
	const row = /^\| ?(.*?) ?\|$/.exec(line)?.[1];
	return row?.split("|").map((cell) => cell.replaceAll("`", "").trim());
}

function withoutCode(line: string): string {
	return line.replaceAll(/`[^`]*`/g, "");
}

function anchorOf(heading: string): string {
	return heading
		.toLowerCase()
		.replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
		.replaceAll(" ", "-");
}

/** A second heading of the same words gets `-1`, and so on. */
function freeAnchor(anchor: string, taken: ReadonlySet<string>): string {
	if (!taken.has(anchor)) return anchor;
	let number = 1;
	while (taken.has(`${anchor}-${number}`)) number++;
	return `${anchor}-${number}`;
}
