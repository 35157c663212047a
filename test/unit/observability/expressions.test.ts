import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../deploy/generate.ts";
import { OperatorMetrics } from "../../../src/controller/metrics.ts";
import { alerts } from "../../lib/alerts.ts";
import { dashboardExpressions } from "../../lib/dashboard.ts";
import { parseShape } from "../../lib/metric-shapes.ts";
import { groupedBy, metricsOf } from "../../lib/promql.ts";

/** Labels that Prometheus gives to what it reads, by the PodMonitors of the chart. */
const targetLabels = ["namespace", "pod", "container", "federation", "node"];

/** Name -> labels of each metric that gateways export: a gateway test compares these files with what processes say. */
function gatewayMetrics(): readonly [name: string, labels: readonly string[]][] {
	return ["router", "federation"].flatMap((role) => {
		const recorded = readFileSync(join(root, `test/gateway/golden/metrics/${role}.txt`), "utf8");
		return recorded
			.trim()
			.split("\n")
			.map(parseShape)
			.map(({ name, labels }): [string, readonly string[]] => [name, labels]);
	});
}

/** The same of the operator, which has done one of everything. */
async function operatorMetrics(): Promise<readonly [name: string, labels: readonly string[]][]> {
	const metrics = new OperatorMetrics();
	const key = "chat/example";
	metrics.request({ verb: "get", resource: "secrets", status: 200, seconds: 0.1 });
	metrics.nodeStep("Restart");
	metrics.nodeRestarted("Requested");
	metrics.takenOver("PolicyChanged");
	metrics.rolloutFinished(30);
	metrics.rolloutBlocked(key, "NodeNotReady");
	metrics.conditions(key, [
		{ type: "Ready", status: "True", reason: "AllNodesReady", message: "", lastTransitionTime: "" },
	]);
	metrics.attached(key, [{ kind: "ChatNodeAlias", type: "Programmed", status: "True", reason: "Programmed" }]);
	metrics.containersEnded(key, [{ node: "gw-1", container: "router", reason: "OOMKilled", at: new Date() }]);
	metrics.certificateExpires(key, new Date());
	metrics.queueHooks.succeeded?.(key, 0.1);
	const lines = (await metrics.registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
	return lines.map((line) => {
		const [, name = "", labels = ""] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
		return [name, [...labels.matchAll(/(\w+)="/g)].map(([, label = ""]) => label)];
	});
}

const exported = new Map([["up", []], ...gatewayMetrics(), ...(await operatorMetrics())]);

const expressions = [
	...alerts.map(({ alert, expr }) => ({ of: alert, expr })),
	...dashboardExpressions.map(({ panel, expr }) => ({ of: panel, expr })),
];

test.each(expressions)("$of: $expr", ({ expr }) => {
	const uses = metricsOf(expr);
	expect(uses.length).toBeGreaterThan(0);
	for (const { metric, labels } of uses) {
		expect([...exported.keys()]).toContain(metric);
		expect([...(exported.get(metric) ?? []), ...targetLabels]).toEqual(expect.arrayContaining([...labels]));
	}
	const known = uses.flatMap(({ metric }) => exported.get(metric) ?? []);
	expect([...known, ...targetLabels]).toEqual(expect.arrayContaining([...groupedBy(expr)]));
});

test("resources of one kind and state are one series, whatever their number, which ends with them", async () => {
	const metrics = new OperatorMetrics();
	const refused = { kind: "ChatNodeAlias", type: "Accepted", status: "False", reason: "Conflicted" } as const;
	const series = async () =>
		(await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith("xmppfed_attached_resources{"));
	metrics.attached("chat/example", [refused, refused, { ...refused, status: "True", reason: "Accepted" }]);
	const labels = 'namespace="chat",federation="example",kind="ChatNodeAlias",condition="Accepted"';
	expect(await series()).toEqual([
		`xmppfed_attached_resources{${labels},status="False",reason="Conflicted"} 2`,
		`xmppfed_attached_resources{${labels},status="True",reason="Accepted"} 1`,
	]);
	metrics.attached("chat/example", []);
	expect(await series()).toEqual([]);
});

test("who stops leading says nothing of federations any more", async () => {
	const metrics = new OperatorMetrics();
	metrics.leader(true);
	metrics.rolloutBlocked("chat/example", "NodeNotReady");
	metrics.certificateExpires("chat/example", new Date());
	metrics.attached("chat/example", [
		{ kind: "FederationPolicy", type: "Accepted", status: "True", reason: "Accepted" },
	]);
	expect(await metrics.registry.metrics()).toContain('federation="example"');
	metrics.leader(false);
	expect(await metrics.registry.metrics()).not.toContain('federation="example"');
});
