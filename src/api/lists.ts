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

/** A list whose entries are told apart by their name: see {@link mapBy}. */
export function mapByName<Entry extends z.ZodType<{ name: string }>>(
	entry: Entry,
	{ min, max, noun }: { min: number; max: number; noun: string },
) {
	return mapBy("name", entry, { min, max, noun });
}

/** A list whose entries are told apart by one of their fields: a map for server-side apply. `noun` is what an entry is. */
export function mapBy<Key extends string, Entry extends z.ZodType<Readonly<Record<Key, string>>>>(
	key: Key,
	entry: Entry,
	{ min, max, noun }: { min: number; max: number; noun: string },
) {
	const message = `has the ${key} of an earlier ${noun}: give each ${noun} its own ${key}`;
	return z
		.array(entry)
		.min(min)
		.max(max)
		.superRefine((list, context) => {
			for (const index of repeated(list.map((value) => value[key]))) {
				context.addIssue({ code: "custom", path: [index], message });
			}
		})
		.meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key] });
}

/** Indices of values that stand earlier in the list as well. */
function repeated(values: readonly string[]): number[] {
	const seen = new Set<string>();
	return values.flatMap((value, index) => (seen.size === seen.add(value).size ? [index] : []));
}
