/** A metric that an expression reads, with the labels that it is selected by. */
export interface MetricUse {
	readonly metric: string;
	readonly labels: readonly string[];
}

const keywords = new Set(["and", "or", "unless", "offset", "bool"]);
const grouping = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/** The metrics of a PromQL expression. Read by its tokens: it is taken for valid, which promtool checks. */
export function metricsOf(expression: string): readonly MetricUse[] {
	const bare = expression.replaceAll(/\[[^\]]*\]/g, "").replaceAll(grouping, "");
	return [...bare.matchAll(/(?<![\w$.])([a-z_][\w:]*)\s*(?:\{([^}]*)\}|(\())?/gi)].flatMap(
		([, metric = "", selector = "", call]) =>
			call !== undefined || keywords.has(metric)
				? []
				: [{ metric, labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label) }],
	);
}

/** Labels that an expression groups or joins by. */
export function groupedBy(expression: string): readonly string[] {
	return [...expression.matchAll(grouping)].flatMap(([, list = ""]) => list.split(",").map((name) => name.trim()));
}
