import type { Sample } from "../gateway/lib/openmetrics.ts";

/** Names of metrics with the names of their labels: `NAME{LABEL,...}`, sorted. */
export function metricShapes(samples: readonly Pick<Sample, "name" | "labels">[]): readonly string[] {
	const shapes = samples.map(({ name, labels }) => `${name}{${Object.keys(labels).toSorted().join(",")}}`);
	return [...new Set(shapes)].toSorted();
}

/** Reads what {@link metricShapes} gives. */
export function parseShape(shape: string): { readonly name: string; readonly labels: readonly string[] } {
	const [, name = "", labels = ""] = /^(\w+)\{(.*)\}$/.exec(shape) ?? [];
	return { name, labels: labels === "" ? [] : labels.split(",") };
}
