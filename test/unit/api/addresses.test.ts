import { describe, expect, test } from "vitest";
import { containsNetwork, isGlobalUnicast, isNetwork, parseIp } from "../../../src/api/addresses.ts";

// That these agree with the API server on random values is tested in test/apiserver/api.test.ts.

describe("parseIp", () => {
	test.each([
		["192.0.2.1", [192, 0, 2, 1]],
		["2001:db8::1", [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
		["::", Array<number>(16).fill(0)],
		["1:2:3:4:5:6:7:8", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
		["64:ff9b::192.0.2.1", [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1]],
	])("%s", (value, bytes) => {
		expect(parseIp(value)).toEqual(bytes);
	});

	test.each([
		"",
		"a",
		"192.0.2",
		"192.0.2.01",
		"192.0.2.1.",
		" 192.0.2.1",
		"::ffff:192.0.2.1",
		"fe80::1%eth0",
		"1::2::3",
	])("%j is no address", (value) => {
		expect(parseIp(value)).toBeUndefined();
	});
});

test.each([
	["10.0.0.1", true],
	["240.0.0.1", true],
	["fd00::1", true],
	["128.0.0.1", true],
	["0.0.0.0", false],
	["127.255.0.1", false],
	["169.254.0.1", false],
	["239.1.1.1", false],
	["255.255.255.255", false],
	["::", false],
	["::1", false],
	["febf::1", false],
	["ff02::1", false],
])("%s can be another machine: %s", (value, expected) => {
	expect(isGlobalUnicast(parseIp(value) ?? [])).toBe(expected);
});

test.each([
	["0.0.0.0/0", true],
	["10.0.0.0/8", true],
	["10.128.0.0/9", true],
	["10.64.0.0/9", false],
	["192.0.2.1/32", true],
	["192.0.2.0/33", false],
	["2001:db8::/32", true],
	["2001:db8::/28", false],
	["::1/128", true],
	["10.0.0.0/", false],
	["10.0.0.0", false],
	["10.0.0.0/8/8", false],
	["10.0.0.0/ 8", false],
])("%s is a network: %s", (value, expected) => {
	expect(isNetwork(value)).toBe(expected);
});

test.each([
	["10.0.0.0/8", "10.1.0.0/16", true],
	["10.0.0.0/8", "10.0.0.0/8", true],
	["10.0.0.0/8", "10.0.0.0/7", false],
	["10.0.0.0/8", "11.0.0.0/16", false],
	["10.128.0.0/9", "10.0.0.0/10", false],
	["10.128.0.0/9", "10.192.0.0/10", true],
	["0.0.0.0/0", "192.0.2.1/32", true],
	["0.0.0.0/0", "::/0", false],
	["::/0", "2001:db8::/32", true],
	["2001:db8::/32", "2001:db9::/48", false],
	["a", "10.0.0.0/8", false],
])("%s contains %s: %s", (outer, inner, expected) => {
	expect(containsNetwork(outer, inner)).toBe(expected);
});
