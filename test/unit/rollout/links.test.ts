import { expect, test } from "vitest";
import { type LinkView, linkedNodes } from "../../../src/rollout/links.ts";

const link = (domain: string, address: string, up = true): LinkView => ({ domain, address, up });
const addresses = new Map([
	["a", ["10.0.0.1", "fd00::1"]],
	["b", ["10.0.0.2"]],
	["c", []],
]);

test.each<[string, LinkView[], string[]]>([
	["no links", [], []],
	["links to both", [link("x", "10.0.0.1"), link("x", "10.0.0.2")], ["a", "b"]],
	["one by its second address", [link("x", "fd00::1")], ["a"]],
	["one that is down", [link("x", "10.0.0.1", false), link("x", "10.0.0.2")], ["b"]],
	["a domain without a link", [link("x", "10.0.0.1"), link("y", "10.0.0.1", false), link("y", "10.0.0.9")], []],
	["the pod before", [link("x", "10.0.0.9")], []],
])("%s", (_what, links, expected) => {
	expect(linkedNodes(links, addresses)).toEqual(expected);
});
