import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { parse, stringify } from "yaml";
import { root } from "../../deploy/generate.ts";
import { run } from "../../deploy/lib/commands.ts";
import { ensurePackages } from "../../deploy/lib/packages.ts";
import type { KubernetesObject } from "../../src/kubernetes/object.ts";
import { type Alert, alerts } from "../lib/alerts.ts";
import { dashboardExpressions } from "../lib/dashboard.ts";
import { allPages } from "../lib/pages.ts";

const chart = join(root, "charts/xmpp-federation-operator");

interface Rendered extends KubernetesObject {
	/** Of a PrometheusRule or a PodMonitor. */
	readonly spec: {
		readonly groups?: readonly { readonly rules: readonly Alert[] }[];
		readonly namespaceSelector?: object;
		readonly podMetricsEndpoints?: readonly object[];
	};
}

beforeAll(async () => await ensurePackages(["prometheus"]));

async function temporaryDirectory(): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-monitoring-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	return directory;
}

/** The object of one template of the chart. */
async function rendered(template: string, values: readonly string[], more: readonly string[] = []): Promise<Rendered> {
	const images = ["image.repository=registry.example/operator", "gatewayImage.repository=registry.example/gateway"];
	const settings = [...images, ...values].map((value) => `--set=${value}`);
	const command = [
		inject("binaries").helm,
		"template",
		"edge",
		chart,
		"--namespace=xmppfed-system",
		...settings,
		...more,
	];
	const env = { HOME: await temporaryDirectory() };
	const { stdout } = await run([...command, `--show-only=templates/${template}.yaml`], { env });
	return parse(stdout);
}

test("the PrometheusRule has every alert, with its page and the labels that are asked for", async () => {
	const rule = await rendered("prometheusrule", [
		"prometheusRule.enabled=true",
		"prometheusRule.labels.release=prometheus",
		"prometheusRule.alertLabels.team=chat",
		"prometheusRule.runbooks=https://runbooks.example/",
	]);
	expect(rule).toMatchObject({ kind: "PrometheusRule", metadata: { labels: { release: "prometheus" } } });
	const { groups = [] } = rule.spec;
	expect(groups.flatMap(({ rules }) => rules)).toEqual(
		alerts.map((alert) => ({
			...alert,
			labels: { ...alert.labels, team: "chat" },
			annotations: { ...alert.annotations, runbook_url: `https://runbooks.example/${alert.alert}.md` },
		})),
	);
	const file = join(await temporaryDirectory(), "rules.yaml");
	await writeFile(file, stringify({ groups }));
	expect((await run(["promtool", "check", "rules", file])).stdout).toContain(`SUCCESS: ${alerts.length} rules found`);
});

test("without an address of the pages alerts have none", async () => {
	const { spec } = await rendered("prometheusrule", ["prometheusRule.enabled=true"]);
	expect(spec.groups?.flatMap(({ rules }) => rules)).toEqual(alerts);
});

test("the ConfigMap has the dashboard, found by the label of Grafana's sidecar", async () => {
	const object = await rendered("dashboard", ["dashboard.enabled=true", "dashboard.annotations.grafana_folder=XMPP"]);
	expect(object).toMatchObject({
		kind: "ConfigMap",
		metadata: { labels: { grafana_dashboard: "1" }, annotations: { grafana_folder: "XMPP" } },
		data: { "xmpp-federation.json": await readFile(join(chart, "files/dashboard.json"), "utf8") },
	});
});

test("the chart takes the values that docs/monitoring.md shows", async () => {
	const blocks = (await allPages()).get("docs/monitoring.md")?.blocks ?? [];
	const directory = await temporaryDirectory();
	const files = await Promise.all(
		blocks.map(async ({ line, text }) => {
			const file = join(directory, `${line}.yaml`);
			await writeFile(file, text);
			return `--values=${file}`;
		}),
	);
	const { spec } = await rendered("prometheusrule", [], files);
	expect(spec.groups?.[0]?.rules[0]?.annotations).toHaveProperty(
		"runbook_url",
		"https://wiki.example.com/xmpp/runbooks/XmppfedOperatorDown.md",
	);
	expect(JSON.stringify(await rendered("deployment", [], files))).toContain(
		'{"name":"OTEL_EXPORTER_OTLP_HEADERS","valueFrom":{"secretKeyRef":{"key":"headers","name":"collector"}}}',
	);
});

test("Prometheus takes every expression of the dashboard", async () => {
	const rules = dashboardExpressions.map(({ expr }, index) => ({ record: `panel:expression:${index}`, expr }));
	const file = join(await temporaryDirectory(), "rules.yaml");
	await writeFile(file, stringify({ groups: [{ name: "dashboard", rules }] }));
	expect((await run(["promtool", "check", "rules", file])).stdout).toContain(`SUCCESS: ${rules.length} rules found`);
});

test.each([
	["Cluster", { any: true }],
	["Namespace", undefined],
])("scope %s: the PodMonitor of gateways finds them, and tells nodes apart", async (scope, namespaces) => {
	const { spec } = await rendered("podmonitor-gateways", ["podMonitor.enabled=true", `scope=${scope}`]);
	expect(spec.namespaceSelector).toEqual(namespaces);
	expect(spec.podMetricsEndpoints).toMatchObject(
		["http-router", "http-federation"].map((port) => ({
			port,
			relabelings: [{ targetLabel: "federation" }, { targetLabel: "node" }],
		})),
	);
});
