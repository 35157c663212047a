import type { Block } from "./markdown.ts";

/** A command that a page shows, with what the page says that it prints. */
export interface ShownCommand {
	/** Of the page, from 1. */
	readonly line: number;
	readonly command: string;
	readonly printed: string;
}

/**
 * The commands of a block in order: each stands behind `$ kubectl` or `$ argocd`, and goes on where a line ends with `\`. What follows is
 * printed by it, also other `$`.
 */
export function shownCommands(block: Block): readonly ShownCommand[] {
	const found: ShownCommand[] = [];
	// Behind the line that opens the block
	let line = block.line + 1;
	for (const part of block.text.split(/^(?=\$ (?:kubectl|argocd) )/m)) {
		const [, command, printed = ""] = /^\$ ((?:kubectl|argocd) (?:.*\\\n)*.*)\n([^]*)$/.exec(part) ?? [];
		if (command !== undefined) found.push({ line, command, printed });
		line += part.split("\n").length - 1;
	}
	return found;
}
