import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { run } from "../../deploy/lib/commands.ts";
import { ensurePackages } from "../../deploy/lib/packages.ts";
import { alerts, alertsFile } from "../lib/alerts.ts";
import { type AlertCase, alertCases, type Series } from "./alert-cases.ts";

/** The alerts by Prometheus' own promtool. This needs no API server; it is here because this part installs programs. */
beforeAll(async () => await ensurePackages(["prometheus"]));

test("the file is one that Prometheus takes", async () => {
	const { stdout } = await run(["promtool", "check", "rules", "--lint=all", "--lint-fatal", alertsFile]);
	expect(stdout).toContain(`SUCCESS: ${alerts.length} rules found`);
});

test("each alert has its cases", () => {
	expect(Object.keys(alertCases)).toEqual(alerts.map((each) => each.alert));
});

test.each(alerts)("$alert", async (rule) => {
	const { alert, labels } = rule;
	const { step = 1, at, fires, labels: own, quiet } = casesOf(alert);
	const told = { alertname: alert, alertstate: "firing", ...labels };
	const firing = { labels: `ALERTS${selector({ ...told, ...own })}`, value: 1 };
	const ever = `count_over_time(ALERTS${selector(told)}[${step * (at + 1)}m])`;
	const look = { interval: `${step}m`, eval_time: `${step * at}m` };
	const tests = [
		promtoolTest("fires", fires, look, { expr: `ALERTS${selector(told)}`, exp_samples: [firing] }),
		...Object.entries(quiet).map(([name, series]) => promtoolTest(name, series, look, { expr: ever, exp_samples: [] })),
	];
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-alerts-"));
	onTestFinished(async () => await rm(directory, { recursive: true }));
	const [rules, file] = [join(directory, "rules.yaml"), join(directory, "tests.yaml")];
	// The others would only take time.
	await writeFile(rules, stringify({ groups: [{ name: "one", rules: [rule] }] }));
	await writeFile(file, stringify({ rule_files: [rules], evaluation_interval: look.interval, tests }));
	const { stdout, stderr } = await run(["promtool", "test", "rules", file], { accept: [0, 1] });
	expect(`${stdout}${stderr}`).toContain("SUCCESS");
});

function casesOf(alert: string): AlertCase {
	const cases = alertCases[alert];
	if (!cases) throw new Error(`${alert} has no cases`);
	return cases;
}

function promtoolTest(name: string, series: Series, look: { interval: string; eval_time: string }, expected: object) {
	const { interval, eval_time } = look;
	const input = Object.entries(series).map(([of, values]) => ({ series: of, values }));
	return { name, interval, input_series: input, promql_expr_test: [{ ...expected, eval_time }] };
}

function selector(labels: Readonly<Record<string, string>>): string {
	const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
	return `{${pairs.join(", ")}}`;
}
