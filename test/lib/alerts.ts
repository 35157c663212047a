import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { root } from "../../deploy/generate.ts";

/** Of the chart, and a rules file of Prometheus as it is. */
export const alertsFile = join(root, "charts/xmpp-federation-operator/files/alerts.yaml");

const alert = z.strictObject({
	alert: z.string(),
	expr: z.string(),
	for: z.string().optional(),
	labels: z.strictObject({ severity: z.enum(["critical", "warning", "info"]) }),
	annotations: z.strictObject({ summary: z.string(), description: z.string() }),
});
export type Alert = z.infer<typeof alert>;

const file = z.strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(alert) })) });

/** Every alert, in the order of the file. */
export const alerts: readonly Alert[] = file
	.parse(parse(readFileSync(alertsFile, "utf8")))
	.groups.flatMap(({ rules }) => rules);
