import type { Direction, Verdict } from "../../src/model/policy/rules.ts";

/**
 * What policies decide. `src/model/policy` (test/unit/model/policy.test.ts) and the gateway's Lua
 * (test/gateway/policy-rules.test.ts) must agree on every one.
 */
export interface PolicyCase {
	readonly name: string;
	readonly default: Verdict;
	/** Lines of its lists (src/model/policy/lists.ts). */
	readonly lines: readonly string[];
	/** Peer's domain, what is decided of what it sends and of what is sent to it, the exception that decides. */
	readonly decisions: readonly (readonly [domain: string, Verdict, Verdict, by?: string])[];
}

export const directions: readonly Direction[] = ["Incoming", "Outgoing"];

export const policyCases: readonly PolicyCase[] = [
	{
		name: "no exception, Allow",
		default: "Allow",
		lines: [],
		decisions: [
			["example.com", "Allow", "Allow"],
			["com", "Allow", "Allow"],
			["", "Allow", "Allow"],
		],
	},
	{
		name: "no exception, Deny",
		default: "Deny",
		lines: [],
		decisions: [["example.com", "Deny", "Deny"]],
	},
	{
		name: "each direction, Allow",
		default: "Allow",
		lines: ["B both.example", "I in.example", "O out.example"],
		decisions: [
			["both.example", "Deny", "Deny", "both.example"],
			["in.example", "Deny", "Allow", "in.example"],
			["out.example", "Allow", "Deny", "out.example"],
			["a.both.example", "Allow", "Allow"],
			["oth.example", "Allow", "Allow"],
			["xboth.example", "Allow", "Allow"],
			["example", "Allow", "Allow"],
		],
	},
	{
		name: "each direction, Deny",
		default: "Deny",
		lines: ["B both.example", "I in.example", "O out.example"],
		decisions: [
			["both.example", "Allow", "Allow", "both.example"],
			["in.example", "Allow", "Deny", "in.example"],
			["out.example", "Deny", "Allow", "out.example"],
			["other.example", "Deny", "Deny"],
		],
	},
	{
		name: "wildcards",
		default: "Allow",
		lines: ["B *.example.com", "B *.lab"],
		decisions: [
			["example.com", "Deny", "Deny", "*.example.com"],
			["a.example.com", "Deny", "Deny", "*.example.com"],
			["a.b.c.example.com", "Deny", "Deny", "*.example.com"],
			["aexample.com", "Allow", "Allow"],
			["com", "Allow", "Allow"],
			["example.com.org", "Allow", "Allow"],
			["a.lab", "Deny", "Deny", "*.lab"],
			["lab", "Deny", "Deny", "*.lab"],
		],
	},
	{
		name: "the most specific alone",
		default: "Deny",
		lines: ["B *.example.com", "I *.a.example.com", "O a.example.com", "I example.com"],
		decisions: [
			["example.com", "Allow", "Deny", "example.com"],
			["b.example.com", "Allow", "Allow", "*.example.com"],
			["a.example.com", "Deny", "Allow", "a.example.com"],
			["x.a.example.com", "Allow", "Deny", "*.a.example.com"],
			["y.x.a.example.com", "Allow", "Deny", "*.a.example.com"],
		],
	},
	{
		name: "other ways to write a domain",
		default: "Deny",
		lines: ["B *.xn--bcher-kva.example", "B example.com", "I xn--e1afmkfd.xn--p1ai"],
		decisions: [
			["EXAMPLE.com", "Allow", "Allow", "example.com"],
			["example.com.", "Allow", "Allow", "example.com"],
			["example.com..", "Deny", "Deny"],
			["b\u00fccher.example", "Allow", "Allow", "*.xn--bcher-kva.example"],
			["B\u00dcCHER.example", "Allow", "Allow", "*.xn--bcher-kva.example"],
			["XN--BCHER-KVA.example", "Allow", "Allow", "*.xn--bcher-kva.example"],
			["chat.b\u00fccher.example.", "Allow", "Allow", "*.xn--bcher-kva.example"],
			["bu\u0308cher.example", "Allow", "Allow", "*.xn--bcher-kva.example"],
			["\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444", "Allow", "Deny", "xn--e1afmkfd.xn--p1ai"],
			["bucher.example", "Deny", "Deny"],
		],
	},
	{
		name: "addresses and what is no domain",
		default: "Allow",
		lines: ["B *.example.com"],
		decisions: [
			["192.0.2.1", "Allow", "Allow"],
			["[2001:db8::1]", "Allow", "Allow"],
			["*.example.com", "Deny", "Deny", "*.example.com"],
			[".example.com", "Deny", "Deny", "*.example.com"],
			[".", "Allow", "Allow"],
		],
	},
];
