/** One panel, as far as panels differ. */
export interface Panel {
	readonly title: string;
	readonly description?: string;
	readonly kind: "timeseries" | "stat" | "table";
	/** Of 24; half of it where absent. */
	readonly width?: number;
	/** Unit as Grafana names it; absent: a plain number. */
	readonly unit?: string;
	/** Legend -> expression. */
	readonly queries: Readonly<Record<string, string>>;
	/** Red from this value on. */
	readonly bad?: number;
	/** Red below this value. */
	readonly badBelow?: number;
	/** Labels that a table shows. */
	readonly columns?: readonly string[];
}

export interface Row {
	readonly title: string;
	readonly panels: readonly Panel[];
}

export interface Dashboard {
	readonly uid: string;
	readonly title: string;
	/** Name -> query. Several values may be chosen, and all are at first. */
	readonly variables: Readonly<Record<string, string>>;
	readonly rows: readonly Row[];
}

const datasource = { type: "prometheus", uid: "${datasource}" };
/** Columns of Grafana's grid. */
const columns = 24;
const heights = { timeseries: 8, table: 10, stat: 4 } as const;

/** A dashboard in Grafana's JSON model. Panels stand side by side as long as there is room. */
export function rowsAsGrafana({ uid, title, variables, rows }: Dashboard) {
	return {
		uid,
		title,
		tags: ["xmpp"],
		schemaVersion: 39,
		timezone: "browser",
		refresh: "1m",
		time: { from: "now-6h", to: "now" },
		templating: {
			list: [
				{ name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
				...Object.entries(variables).map(([name, query]) => ({
					name,
					type: "query",
					datasource,
					query: { query, refId: name },
					refresh: 2,
					sort: 1,
					multi: true,
					includeAll: true,
					allValue: ".*",
					current: { text: "All", value: "$__all" },
				})),
			],
		},
		panels: placed(rows),
	};
}

function placed(rows: readonly Row[]) {
	const panels: object[] = [];
	let [x, y, height] = [0, 0, 0];
	const newLine = () => {
		[x, y, height] = [0, y + height, 0];
	};
	for (const row of rows) {
		newLine();
		const gridPos = { x, y, w: columns, h: 1 };
		panels.push({ id: panels.length + 1, type: "row", title: row.title, collapsed: false, gridPos, panels: [] });
		y += 1;
		for (const panel of row.panels) {
			const [w, h] = [panel.width ?? columns / 2, heights[panel.kind]];
			if (x + w > columns) newLine();
			panels.push({ id: panels.length + 1, ...grafanaPanel(panel), gridPos: { x, y, w, h } });
			[x, height] = [x + w, Math.max(height, h)];
		}
	}
	return panels;
}

function grafanaPanel(panel: Panel) {
	const { title, description, kind, queries } = panel;
	return {
		type: kind,
		title,
		...(description !== undefined && { description }),
		datasource,
		targets: Object.entries(queries).map(([legend, expr], index) => ({
			refId: String.fromCharCode("A".charCodeAt(0) + index),
			datasource,
			expr,
			...(kind === "timeseries" ? { legendFormat: legend } : { instant: true }),
			...(kind === "table" && { format: "table" }),
		})),
		fieldConfig: { defaults: fieldDefaults(panel), overrides: [] },
		...(kind === "stat" && { options: { colorMode: "value", reduceOptions: { calcs: ["lastNotNull"] } } }),
		...(kind === "timeseries" && { options: { tooltip: { mode: "multi", sort: "desc" } } }),
		...(panel.columns && { transformations: [shownColumns(panel.columns)] }),
	};
}

function fieldDefaults({ kind, unit = "none", bad, badBelow }: Panel) {
	const good = { color: "green", value: null };
	const steps =
		badBelow === undefined
			? [good, ...(bad === undefined ? [] : [{ color: "red", value: bad }])]
			: [
					{ color: "red", value: null },
					{ color: "green", value: badBelow },
				];
	// What is counted begins at 0; days left do not.
	const min = kind === "timeseries" && unit !== "d" ? { min: 0 } : {};
	return { unit, ...min, thresholds: { mode: "absolute", steps } };
}

function shownColumns(names: readonly string[]) {
	return { id: "filterFieldsByName", options: { include: { names } } };
}
