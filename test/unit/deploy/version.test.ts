import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { root } from "../../../deploy/generate.ts";
import { krewManifest } from "../../../deploy/krew.ts";
import { plain, type Terminal } from "../../../src/cli/terminal.ts";
import { version as command } from "../../../src/cli/version.ts";
import { version } from "../../../src/version.ts";

const read = (path: string) => readFileSync(join(root, path), "utf8");

test("the version of package.json is that of everything which is released", () => {
	expect(version).toMatch(/^\d+\.\d+\.\d+(-[0-9a-z.-]+)?$/);
	const { version: ofChart, appVersion } = parse(read("charts/xmpp-federation-operator/Chart.yaml"));
	expect({ ofChart, appVersion }).toEqual({ ofChart: version, appVersion: version });
	const lock = JSON.parse(read("package-lock.json"));
	expect([lock.version, lock.packages[""].version]).toEqual([version, version]);
});

test("kubectl xmppfed version tells it", async () => {
	const printed: string[] = [];
	const terminal: Terminal = {
		print: async (text) => void printed.push(text),
		note: () => {},
		read: async () => "",
		paint: plain,
		isInteractive: false,
		now: () => new Date(),
	};
	expect(await command.run(["--client"], terminal)).toBe(0);
	expect(printed.join()).toContain(version);
});

test("Krew's manifest names version, archive and checksum", () => {
	const url = `https://downloads.example/kubectl-xmppfed-${version}.tar.gz`;
	const { spec } = parse(krewManifest({ url, sha256: "a".repeat(64) }));
	expect(spec).toMatchObject({
		version: `v${version}`,
		platforms: [{ uri: url, sha256: "a".repeat(64) }, { uri: url }],
	});
	expect(spec.shortDescription.length).toBeLessThanOrEqual(50);
});

test("CHANGELOG.md has what is not released yet first, and a part for each release that has a date", () => {
	const headings = [...read("CHANGELOG.md").matchAll(/^## (.*)$/gm)].map(([, heading = ""]) => heading);
	expect(headings[0]).toBe("[Unreleased]");
	for (const heading of headings.slice(1)) expect(heading).toMatch(/^\[\d+\.\d+\.\d+[^\]]*\] - \d{4}-\d{2}-\d{2}$/);
});
