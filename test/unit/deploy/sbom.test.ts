import { expect, test } from "vitest";
import { type Bom, bundledPackages, bundleSbom, partOf } from "../../../deploy/sbom.ts";
import { version } from "../../../src/version.ts";

test("the packages of a bundle are those that a file of it is from, also where one is inside another", () => {
	const packages = {
		"node_modules/a": { version: "1.0.0" },
		"node_modules/@b/c": { version: "2.0.0" },
		"node_modules/@b/c/node_modules/a": { version: "3.0.0" },
		"node_modules/other": { version: "4.0.0" },
	};
	const inputs = [
		"src/main.ts",
		"node_modules/a/lib/x.js",
		"node_modules/a/y.js",
		"node_modules/@b/c/z.js",
		"node_modules/@b/c/node_modules/a/x.js",
	];
	expect(bundledPackages(inputs, { packages })).toEqual(new Set(["a@1.0.0", "@b/c@2.0.0", "a@3.0.0"]));
	expect(() => bundledPackages(["node_modules/new/x.js"], { packages })).toThrow("does not have node_modules/new");
});

test("what is not in the bundle is in none of its lists, and equal bundles give equal files", () => {
	const component = (ref: string) => ({ "bom-ref": ref, name: ref, version: "1" });
	const whole: Bom = {
		bomFormat: "CycloneDX",
		serialNumber: "urn:uuid:1",
		metadata: { timestamp: "2026-11-25T00:00:00Z", component: component("project@1") },
		components: [component("a@1"), component("b@1")],
		dependencies: [
			{ ref: "project@1", dependsOn: ["a@1", "b@1"] },
			{ ref: "a@1", dependsOn: ["b@1"] },
			{ ref: "b@1", dependsOn: [] },
		],
	};
	expect(partOf(whole, "operator", new Set(["a@1"]))).toEqual({
		bomFormat: "CycloneDX",
		metadata: { component: { ...component("project@1"), type: "application", name: "operator" } },
		components: [component("a@1")],
		dependencies: [
			{ ref: "project@1", dependsOn: ["a@1"] },
			{ ref: "a@1", dependsOn: [] },
		],
	});
	expect(() => partOf(whole, "operator", new Set(["c@1"]))).toThrow("lacks c@1");
});

test("npm's own list of this project has what bundles need", async () => {
	const sbom = await bundleSbom("operator", [
		"src/main.ts",
		"node_modules/yaml/dist/index.js",
		"node_modules/zod/index.js",
	]);
	expect(sbom.metadata.component).toMatchObject({ name: "operator", version });
	expect(sbom.components).toMatchObject([
		{ name: "yaml", purl: expect.stringMatching(/^pkg:npm\/yaml@/), hashes: [{ alg: "SHA-512" }] },
		{ name: "zod" },
	]);
});
