import { z } from "zod";

/**
 * A list of texts in which each stands once: a set for server-side apply, so that several writers can each own entries.
 * The API server checks it by itself; like it, zod names the place of the second one.
 */
export function setOf(entry: z.ZodString, max: number) {
	return z
		.array(entry)
		.max(max)
		.superRefine((list, context) => {
			for (const index of repeated(list)) {
				context.addIssue({ code: "custom", path: [index], message: "stands here a second time: keep one" });
			}
		})
		.meta({ "x-kubernetes-list-type": "set" });
}

/** A list whose entries are told apart by their name: a map for server-side apply. `noun` is what an entry is. */
export function mapByName<Entry extends z.ZodType<{ name: string }>>(
	entry: Entry,
	{ min, max, noun }: { min: number; max: number; noun: string },
) {
	const message = `has the name of an earlier ${noun}: give each ${noun} its own name`;
	return z
		.array(entry)
		.min(min)
		.max(max)
		.superRefine((list, context) => {
			for (const index of repeated(list.map(({ name }) => name))) {
				context.addIssue({ code: "custom", path: [index], message });
			}
		})
		.meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] });
}

/** Indices of values that stand earlier in the list as well. */
function repeated(values: readonly string[]): number[] {
	return values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []));
}
