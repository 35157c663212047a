import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { root } from "../../deploy/generate.ts";

const position = z.strictObject({ x: z.int().min(0), y: z.int().min(0), w: z.int().min(1).max(24), h: z.int().min(1) });
const datasource = z.strictObject({ type: z.literal("prometheus"), uid: z.literal("${datasource}") });
const target = z.looseObject({ refId: z.string(), datasource, expr: z.string() });

const panel = z.discriminatedUnion("type", [
	z.looseObject({ type: z.literal("row"), id: z.int(), title: z.string().min(1), gridPos: position }),
	z.looseObject({
		type: z.enum(["timeseries", "stat", "table"]),
		id: z.int(),
		title: z.string().min(1),
		gridPos: position,
		datasource,
		targets: z.array(target).min(1),
	}),
]);
export type DashboardPanel = z.infer<typeof panel>;

const dashboardSchema = z.looseObject({
	uid: z.string().min(1).max(40),
	title: z.string(),
	schemaVersion: z.int(),
	templating: z.object({ list: z.array(z.looseObject({ name: z.string(), type: z.string() })) }),
	panels: z.array(panel),
});

/** The dashboard in the chart. */
export const dashboard = dashboardSchema.parse(
	JSON.parse(readFileSync(join(root, "charts/xmpp-federation-operator/files/dashboard.json"), "utf8")),
);

/** Every expression of every panel, with Grafana's variables as Grafana fills them in where everything is chosen. */
export const dashboardExpressions: readonly { readonly panel: string; readonly expr: string }[] =
	dashboard.panels.flatMap((each) =>
		each.type === "row"
			? []
			: each.targets.map(({ expr }) => ({
					panel: each.title,
					expr: expr.replaceAll("$__rate_interval", "1m").replaceAll(/\$(namespace|federation)/g, ".*"),
				})),
	);
