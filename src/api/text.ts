import { z } from "zod";

/**
 * A text of at least `min` and at most `max` characters. Counted as Unicode code points, as the API server counts them
 * (a JavaScript string's length counts UTF-16 units, so an emoji would be two).
 */
export function text(max: number, min = 0): z.ZodString {
	const bounds = min === 0 ? `at most ${max}` : `${min} to ${max}`;
	return z
		.string()
		.refine(
			(value) => {
				const length = codePoints(value);
				return length >= min && length <= max;
			},
			{ message: `must have ${bounds} characters`, abort: true },
		)
		.meta({ ...(min === 0 ? {} : { minLength: min }), maxLength: max });
}

function codePoints(value: string): number {
	let count = 0;
	for (const _ of value) count += 1;
	return count;
}
