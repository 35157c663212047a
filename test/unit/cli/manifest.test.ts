import { expect, test } from "vitest";
import { readManifest } from "../../../src/cli/manifest.ts";

const one = (name: string) =>
	`apiVersion: xmppfed.dev/v1alpha1\nkind: XmppFederation\nmetadata: {name: ${name}}\nspec: {domain: example.com}\n`;
const names = (text: string) => {
	const { federations, others } = readManifest(text, "a.yaml");
	return { federations: federations.map(({ metadata }) => metadata.name), others };
};

test.each<[string, string, readonly string[], readonly string[]]>([
	["one document", one("a"), ["a"], []],
	["several, some of them empty", `---\n${one("a")}---\n# nothing\n---\n${one("b")}---\n`, ["a", "b"], []],
	[
		"JSON",
		JSON.stringify({ apiVersion: "xmppfed.dev/v1alpha1", kind: "XmppFederation", metadata: { name: "a" } }),
		["a"],
		[],
	],
	[
		"other kinds",
		`${one("a")}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\napiVersion: v1\nkind: Secret\n`,
		["a"],
		["ConfigMap/c", "Secret/?"],
	],
	["a kind of that name of another group", one("a").replace("xmppfed.dev", "example.com"), [], ["XmppFederation/a"]],
	[
		"a List",
		JSON.stringify({
			apiVersion: "v1",
			kind: "List",
			items: [{ apiVersion: "xmppfed.dev/v1alpha1", kind: "XmppFederation", metadata: { name: "a" } }],
		}),
		["a"],
		[],
	],
	["a byte order mark", `\uFEFF${one("a")}`, ["a"], []],
	["nothing", "", [], []],
])("%s", (_what, text, federations, others) => {
	expect(names(text)).toEqual({ federations, others });
});

test("YAML is read as kubectl reads it", () => {
	const text = `${one("a")}x: {a: yes, text: "on", time: 2026-01-01, minutes: 1:30, octal: 010}\ny: &y {a: 1}\nz: {<<: *y, b: 2}\n`;
	expect(readManifest(text, "a.yaml").federations[0]).toMatchObject({
		x: { a: true, text: "on", time: "2026-01-01", minutes: "1:30", octal: 8 },
		z: { a: 1, b: 2 },
	});
});

test.each([
	["no YAML", "a: [1", /^a\.yaml is no YAML: .*line 1/s],
	["no object", "- 1", /^a\.yaml, document 1 is no Kubernetes object/],
	["no kind", `${one("a")}---\napiVersion: v1`, /^a\.yaml, document 2 is no Kubernetes object: kind is missing/],
	["no name", one("a").replace("name: a", ""), /^a\.yaml: an XmppFederation has no metadata\.name$/],
	[
		"another version",
		one("a").replace("v1alpha1", "v9"),
		/is of xmppfed\.dev\/v9; this program knows xmppfed\.dev\/v1alpha1$/,
	],
	[
		"a bomb of aliases",
		"a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n",
		/^a\.yaml cannot be read: Excessive alias count/,
	],
])("%s is refused", (_what, text, message) => {
	expect(() => readManifest(text, "a.yaml")).toThrow(message);
});
