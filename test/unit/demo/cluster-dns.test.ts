import { expect, test } from "vitest";
import { serversBlock, withBlock } from "../../../deploy/demo/cluster-dns.ts";
import { demoScene } from "../../../deploy/demo/scene.ts";

const corefile = ".:53 {\n    forward . /etc/resolv.conf\n}\n";

test("a block is added, replaced and taken out, and nothing else changes", () => {
	const added = withBlock(corefile, "one", "one.lab:53 {\n}");
	expect(added.startsWith(corefile)).toBe(true);
	expect(added).toContain("one.lab:53 {");
	const replaced = withBlock(added, "one", "uno.lab:53 {\n}");
	expect(replaced).not.toContain("one.lab");
	expect(replaced).toContain("uno.lab:53 {");
	expect(withBlock(replaced, "one", undefined)).toBe(corefile);
});

test("blocks of several scenes do not touch each other", () => {
	const both = withBlock(withBlock(corefile, "one", "one.lab:53 {\n}"), "two", "two.lab:53 {\n}");
	expect(withBlock(both, "one", undefined)).toBe(withBlock(corefile, "two", "two.lab:53 {\n}"));
});

test("the same block again is no change", () => {
	const once = withBlock(corefile, "one", "one.lab:53 {\n}");
	expect(withBlock(once, "one", "one.lab:53 {\n}")).toBe(once);
});

test("a Corefile that does not end its last line keeps its words", () => {
	expect(withBlock(".:53 {\n}", "one", "one.lab:53 {\n}")).toMatch(/^\.:53 \{\n\}\n# begin/);
});

test("each side has SRV records for its domain and its rooms, and the address of their target", () => {
	const block = serversBlock([
		{ ...demoScene.internal, address: "192.0.2.1" },
		{ ...demoScene.remote, address: "192.0.2.2" },
	]);
	expect(block.split("\n")[0]).toBe("example.lab:53 remote.lab:53 {");
	const answers = [...block.matchAll(/template IN (\S+) (\S+) \{\n\s+answer ".* (\S+ \S+ \S+ \S+|\S+)"/g)];
	expect(answers.map(([, type, name]) => `${type} ${name}`)).toEqual([
		"SRV _xmpp-server._tcp.example.lab",
		"SRV _xmpp-server._tcp.rooms.example.lab",
		"A xmpp.example.lab",
		"SRV _xmpp-server._tcp.remote.lab",
		"SRV _xmpp-server._tcp.rooms.remote.lab",
		"A xmpp.remote.lab",
	]);
	expect(block).toContain("SRV 0 0 5269 xmpp.example.lab.");
	expect(block).toContain("IN A 192.0.2.1");
	expect(block).toContain("IN A 192.0.2.2");
});
