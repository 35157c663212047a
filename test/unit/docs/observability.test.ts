import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../deploy/generate.ts";
import { OperatorMetrics } from "../../../src/controller/metrics.ts";
import { allPages } from "../../lib/pages.ts";

const pages = await allPages();

function tableWith(page: string, ...columns: readonly string[]) {
	const found = pages.get(page)?.tables.find(({ head }) => columns.every((column) => head.includes(column)));
	if (!found) throw new Error(`${page} has no table with the columns ${columns.join(", ")}`);
	return found.rows;
}

/** Names of metrics in a page's table of them. */
function metricsOf(page: string): readonly string[] {
	const text = tableWith(page, "Metric", "Labels").flat().join(" ");
	return [...new Set([...text.matchAll(/\b(?:xmppfed|process)_[a-z_]+[a-z]\b/g)].map(([name]) => name))].toSorted();
}

const read = async (path: string) => await readFile(join(root, path), "utf8");

test("docs/gateway.md has every metric of a gateway", async () => {
	const suffixes: Readonly<Record<string, string>> = { counter: "_total", info: "_info" };
	const code = await read("deploy/gateway/modules/mod_xmppfed_metrics.lua");
	const told = [...code.matchAll(/family\(lines, "(\w+)", "(\w+)"/g)].map(
		([, name = "", kind = ""]) => `${name}${suffixes[kind] ?? ""}`,
	);
	expect(metricsOf("docs/gateway.md")).toEqual(told.toSorted());
});

test("docs/gateway.md has every field of /status", async () => {
	const code = await read("deploy/gateway/modules/mod_xmppfed_status.lua");
	const fields = [...code.matchAll(/\bready\.(\w+)(?=[^=\n]* = )/g)].map(([, field = ""]) => field);
	const told = tableWith("docs/gateway.md", "Field", "Content").flatMap(([names = ""]) => names.split(", "));
	expect(told.map((name) => name.replace("[]", "")).toSorted()).toEqual(fields.toSorted());
});

test("docs/monitoring.md has every metric of the operator", async () => {
	const told = await new OperatorMetrics().registry.getMetricsAsJSON();
	const own = told.map(({ name }) => name).filter((name) => name.startsWith("xmppfed_"));
	expect(metricsOf("docs/monitoring.md").filter((name) => name.startsWith("xmppfed_"))).toEqual(own.toSorted());
});

test("docs/monitoring.md has every stage of a reconcile that is traced", async () => {
	const stages = [...(await read("src/controller/federation-run.ts")).matchAll(/#stage\("([\w -]+)"/g)];
	const [, row = ""] = tableWith("docs/monitoring.md", "Span").map(([spans = ""]) => spans);
	const told = row.replace("its stages: ", "").split(", ");
	expect(told.filter((stage) => stage !== "status").toSorted()).toEqual(
		stages.map(([, stage = ""]) => stage).toSorted(),
	);
});
