import { expect, test } from "vitest";
import { dashboard } from "../../lib/dashboard.ts";

test("every panel has an id of its own, and no two lie on each other", () => {
	const ids = dashboard.panels.map(({ id }) => id);
	expect(new Set(ids).size).toBe(ids.length);
	const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
		expect(x + w).toBeLessThanOrEqual(24);
		return Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`);
	});
	expect(new Set(cells).size).toBe(cells.length);
});

test("every variable that it uses is one that can be chosen", () => {
	const used = JSON.stringify(dashboard).matchAll(/\$\{?(\w+)\}?/g);
	const chosen = [...dashboard.templating.list.map(({ name }) => name), "__rate_interval", "__all"];
	expect(chosen).toEqual(expect.arrayContaining([...new Set([...used].map(([, name = ""]) => name))]));
	expect(dashboard.templating.list[0]).toMatchObject({ name: "datasource", type: "datasource", query: "prometheus" });
});

test("queries of a panel have ids of their own", () => {
	for (const panel of dashboard.panels) {
		if (panel.type === "row") continue;
		const ids = panel.targets.map(({ refId }) => refId);
		expect(new Set(ids).size).toBe(ids.length);
	}
});
