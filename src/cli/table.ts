import { stripVTControlCharacters } from "node:util";

/** Columns of equal width, two spaces apart, as kubectl prints them. Colours take no width. Pure. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const lines = [head, ...rows];
	const widths = head.map((_, column) => Math.max(...lines.map((line) => width(line[column] ?? ""))));
	return lines
		.map((line) =>
			line
				.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell)))
				.join("  ")
				.trimEnd(),
		)
		.join("\n");
}

function width(cell: string): number {
	return stripVTControlCharacters(cell).length;
}
