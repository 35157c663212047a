import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nameOfSettings, nameOfVariant, type Plan, type PlayedCell, playMatrix } from "./matrix.ts";
import { totals } from "./matrix-totals.ts";

/** Plays the plans, expects every cell to be as the law says, and prints the totals. */
export function matrixTests(plans: readonly Plan[]): void {
	let played: readonly PlayedCell[] = [];

	beforeAll(async () => {
		played = await playMatrix(plans);
	});

	afterAll(() => {
		console.log(`\n${totals(played)}\n`);
	});

	describe.each(plans.map(({ variant }) => ({ variant, name: nameOfVariant(variant) })))("$name", ({ variant }) => {
		test.each(["outgoing", "incoming"] as const)("%s", (direction) => {
			const cells = played.filter((cell) => cell.variant === variant && cell.direction === direction);
			expect(cells.length).toBeGreaterThan(0);
			expect(cells.map(foundLine)).toEqual(cells.map((cell) => `${cell.expected}: ${nameOfSettings(cell.settings)}`));
		});
	});
}

function foundLine({ found, expected, settings, domain, reason }: PlayedCell): string {
	const why = found === expected ? "" : ` (${domain}: ${reason})`;
	return `${found}: ${nameOfSettings(settings)}${why}`;
}
