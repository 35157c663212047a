import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FederationPolicySpec } from "../../../src/api/federation-policy.ts";
import { compilePolicy, type ListSource, policyDigest, policyOf } from "../../../src/model/policy/compile.ts";
import { comparedDomain, readPattern } from "../../../src/model/policy/domain.ts";
import { denyAll, inOrder, recordedPolicy, whyFirst, withoutPolicy } from "../../../src/model/policy/in-force.ts";
import { readLists, writeLists } from "../../../src/model/policy/lists.ts";
import { type Direction, decide, type PolicyRules } from "../../../src/model/policy/rules.ts";
import { directions, policyCases } from "../../resources/policy-cases.ts";

describe.each(policyCases)("$name", ({ default: verdict, lines, decisions }) => {
	const exceptions = readLists([lines.map((line) => `${line}\n`).join("")], "a list");
	test.each(decisions.map((decision) => ({ decision, domain: decision[0] })))("$domain", ({ decision }) => {
		const [asked, incoming, outgoing, by] = decision;
		const found = directions.map((direction) => decide({ default: verdict, exceptions }, asked, direction));
		expect(found.map((each) => [each.verdict, each.by?.pattern])).toEqual([
			[incoming, by],
			[outgoing, by],
		]);
	});
});

const both: ReadonlySet<Direction> = new Set(directions);
const label = fc.constantFrom("a", "b", "xn--p1ai", "c-1");
const domain = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
const pattern = fc.tuple(fc.constantFrom("", "*."), domain).map(([star, base]) => star + base);
const someDirections = fc.constantFrom<ReadonlySet<Direction>>(both, new Set(["Incoming"]), new Set(["Outgoing"]));
const someExceptions = fc
	.array(fc.tuple(pattern, someDirections), { maxLength: 20 })
	.map((entries) => new Map(entries.map(([key, value]) => [key, { directions: value, source: "a list" }])));

test("what is decided is what a search through all exceptions finds", () => {
	fc.assert(
		fc.property(fc.constantFrom("Allow", "Deny"), someExceptions, domain, (verdict, exceptions, asked) => {
			const rules: PolicyRules = { default: verdict, exceptions };
			const [best] = [...exceptions.keys()]
				.filter((key) => (key.startsWith("*.") ? `.${asked}`.endsWith(key.slice(1)) : key === asked))
				.toSorted((a, b) => Number(b === asked) - Number(a === asked) || b.length - a.length);
			for (const direction of directions) {
				const excepted = best !== undefined && exceptions.get(best)?.directions.has(direction);
				const decision = decide(rules, asked, direction);
				expect(decision.by?.pattern).toBe(best);
				expect(decision.verdict === verdict).toBe(!excepted);
			}
		}),
		{ numRuns: 1_000 },
	);
});

describe("lists", () => {
	test("are read as they were written, whatever the order", () => {
		fc.assert(
			fc.property(someExceptions, (exceptions) => {
				const lists = writeLists(exceptions);
				expect(readLists(lists, "a list")).toEqual(exceptions);
				expect(writeLists(new Map([...exceptions].toReversed()))).toEqual(lists);
			}),
		);
	});

	test("of 100,000 domains fit into ConfigMaps", () => {
		const names = Array.from({ length: 100_000 }, (_, index) => `d${index}.${"x".repeat(20)}.example`);
		const lists = writeLists(new Map(names.map((name) => [name, { directions: both }])));
		expect(lists.length).toBeGreaterThan(1);
		for (const text of lists) expect(text.length).toBeLessThan(1024 * 1024 - 100 * 1024);
		expect(readLists(lists, "a list").size).toBe(100_000);
	});

	test("there are none without exceptions", () => {
		expect(writeLists(new Map())).toEqual([]);
	});
});

describe("domains", () => {
	test.each([
		["example.com", "example.com"],
		["Example.COM", "example.com"],
		["*.b\u00fccher.example", "*.xn--bcher-kva.example"],
		["example\u3002com", "example.com"],
	])("%s in a list is %s", (text, expected) => {
		expect(readPattern(text)).toBe(expected);
	});

	test.each([
		["192.0.2.1"],
		["\u0661\u0662.1"],
		["b\u00fc%61.example"],
		["[::1]"],
		["*"],
		["a b.example"],
		["http://example.com/"],
		["example.com."],
		["\u{1f600}.\u202ecom"],
	])("%s in a list is refused", (text) => {
		expect(readPattern(text)).toBeUndefined();
	});

	test("a form that is compared stays as it is", () => {
		expect(fc.sample(domain).filter((name) => comparedDomain(name) !== name)).toEqual([]);
	});
});

const spec = (more: Partial<FederationPolicySpec>): FederationPolicySpec => ({
	federationRef: { name: "example" },
	default: "Allow",
	...more,
});
const from = (...names: string[]) => names.map((name) => ({ configMapRef: { name } }));

function compiled(policy: FederationPolicySpec, configMaps: Readonly<Record<string, ListSource>> = {}) {
	const result = compilePolicy(policy, new Map(Object.entries(configMaps)));
	if (!result.ok) throw new Error(JSON.stringify(result.problems));
	return result.policy;
}

function refused(policy: FederationPolicySpec, configMaps: Readonly<Record<string, ListSource>> = {}) {
	const result = compilePolicy(policy, new Map(Object.entries(configMaps)));
	if (result.ok) throw new Error("it was taken");
	return result.problems;
}

describe("a policy", () => {
	test("with lists: every key, comments, lines of other systems; what stands twice counts once", () => {
		const policy = compiled(spec({ exceptionsFrom: from("a") }), {
			a: { data: { "1.txt": "# all\r\n\r\nx.example\r\n*.Y.example # why\n", "2.txt": "x.example" } },
		});
		expect(policy.lists.map(({ text }) => text)).toEqual(["B *.y.example\nB x.example\n"]);
		expect(policy.intent).toMatchObject({ default: "Allow", enforcement: "Enforce", exceptions: 2 });
	});

	test("its own exceptions count before those of lists, and directions of lists come together", () => {
		const policy = compiled(
			spec({
				exceptions: [{ domain: "x.example", direction: "Outgoing" }],
				exceptionsFrom: [
					{ configMapRef: { name: "a" }, direction: "Incoming" },
					{ configMapRef: { name: "b" }, direction: "Outgoing" },
				],
			}),
			{ a: { data: { a: "x.example\ny.example\nz.example" } }, b: { data: { b: "y.example" } } },
		);
		expect(policy.lists.map(({ text }) => text)).toEqual(["O x.example\nB y.example\nI z.example\n"]);
	});

	test("says the same for the same, and another thing for another", () => {
		const one = compiled(spec({ exceptions: [{ domain: "a.example" }, { domain: "b.example" }] }));
		const same = compiled(
			spec({ exceptions: [{ domain: "b.example", direction: "Both" }], exceptionsFrom: from("l") }),
			{
				l: { data: { l: "a.example" } },
			},
		);
		expect(same.intent).toEqual(one.intent);
		const others = [
			compiled(spec({ exceptions: [{ domain: "a.example" }] })),
			compiled(spec({ default: "Deny", exceptions: [{ domain: "a.example" }, { domain: "b.example" }] })),
			compiled(spec({ enforcement: "Audit", exceptions: [{ domain: "a.example" }, { domain: "b.example" }] })),
		];
		expect(new Set([one, ...others].map(({ intent }) => policyDigest(intent))).size).toBe(4);
	});

	test("is the same however its domains are written", () => {
		const exceptions = [{ domain: "*.B\u00dcCHER.example" }, { domain: "A.Example" }];
		const plain = [{ domain: "a.example" }, { domain: "*.xn--bcher-kva.example" }];
		const policy = compiled(spec({ exceptions }));
		expect(policy.intent).toEqual(compiled(spec({ exceptions: plain })).intent);
		expect(policy.lists.map(({ text }) => text)).toEqual(["B *.xn--bcher-kva.example\nB a.example\n"]);
	});

	test("with a domain twice is refused, and both are named", () => {
		const exceptions = [
			{ domain: "a.example" },
			{ domain: "xn--bcher-kva.example" },
			{ domain: "*.a.example" },
			{ domain: "A.example" },
			{ domain: "B\u00fccher.example" },
		];
		expect(refused(spec({ exceptions }))).toEqual([
			{
				reason: "InvalidExceptions",
				field: "spec.exceptions[3].domain",
				message:
					'"A.example" is the same domain as "a.example" in spec.exceptions[0]: keep one (direction Both for both directions).',
			},
			expect.objectContaining({
				field: "spec.exceptions[4].domain",
				message: expect.stringMatching(
					/^"B\u00fccher\.example" is the same domain as "xn--bcher-kva\.example" in spec\.exceptions\[1\]/,
				),
			}),
		]);
	});

	test.each([
		["a label that is too long in its xn-- form", `${"\u{20000}".repeat(63)}.example`],
		["a label that has no xn-- form", "\u0300a.example"],
		["a label of both directions of writing", "\u05d0a.example"],
	])("with %s is refused, for that is no domain", (_what, name) => {
		const [problem] = refused(spec({ exceptions: [{ domain: name }] }));
		expect(problem).toMatchObject({ reason: "InvalidExceptions", field: "spec.exceptions[0].domain" });
		expect(problem?.message).toMatch(/^".*" is no domain that DNS can have/);
	});

	test("with many bad domains names some of them", () => {
		const exceptions = Array.from({ length: 30 }, (_, index) => ({
			domain: index % 2 === 0 ? "a.example" : "A.example",
		}));
		const problems = refused(spec({ exceptions }));
		expect(problems).toHaveLength(11);
		expect(problems.at(-1)?.message).toBe("and 19 more of the kind.");
	});

	test("whose ConfigMap is missing is refused, and each is named", () => {
		expect(refused(spec({ exceptionsFrom: from("a", "b", "c") }), { b: {} })).toEqual([
			{
				reason: "ConfigMapNotFound",
				field: "spec.exceptionsFrom[0].configMapRef",
				message: 'ConfigMap "a" does not exist in this namespace. Create it, with one domain a line.',
			},
			expect.objectContaining({ field: "spec.exceptionsFrom[2].configMapRef" }),
		]);
	});

	test("whose list has bad lines is refused: they are named, quoted in part, and not too many", () => {
		const text = ["good.example", "192.0.2.1", "x".repeat(100), ...Array.from({ length: 20 }, () => "?")].join("\n");
		const [problem] = refused(spec({ exceptionsFrom: from("a") }), { a: { data: { "l.txt": text } } });
		expect(problem?.reason).toBe("InvalidExceptions");
		expect(problem?.message).toBe(
			`ConfigMap a: l.txt line 2 "192.0.2.1", l.txt line 3 "${"x".repeat(63)}…", ` +
				`${Array.from({ length: 8 }, (_, i) => `l.txt line ${i + 4} "?"`).join(", ")} and 12 more: ` +
				"each line must be a domain such as example.com, or *.example.com; no address.",
		);
	});

	test("whose ConfigMap holds what is no text is refused", () => {
		const [problem] = refused(spec({ exceptionsFrom: from("a") }), { a: { binaryData: { "l.gz": "AAAA" } } });
		expect(problem?.message).toContain('ConfigMap a: l.gz line 1 "(no text)"');
	});

	test("takes 100,000 domains and not one more", () => {
		const text = (count: number) => Array.from({ length: count }, (_, index) => `d${index}.example`).join("\n");
		const list = (count: number) => ({ a: { data: { a: text(count) } } });
		expect(compiled(spec({ exceptionsFrom: from("a") }), list(100_000)).intent.exceptions).toBe(100_000);
		expect(refused(spec({ exceptionsFrom: from("a") }), list(100_001))).toMatchObject([
			{ reason: "TooManyExceptions" },
		]);
	});
});

test("a policy whose domains are too long for its ConfigMaps is refused", () => {
	const lists = Object.fromEntries(
		Array.from({ length: 5 }, (_, list) => {
			const names = Array.from(
				{ length: 3_900 },
				(_none, index) => `${`${"x".repeat(50)}.`.repeat(4)}d${index}.l${list}.example`,
			);
			return [`l${list}`, { data: { list: names.join("\n") } }];
		}),
	);
	const problems = refused(spec({ exceptionsFrom: from(...Object.keys(lists)) }), lists);
	expect(problems).toMatchObject([
		{ reason: "TooManyExceptions", message: expect.stringContaining("3600000 characters") },
	]);
});

describe("in force", () => {
	const named = (name: string, creationTimestamp: string) => ({ metadata: { name, creationTimestamp } });

	test("is the oldest, then the first by name", () => {
		const policies = [
			named("b", "2026-01-02T00:00:00Z"),
			named("c", "2026-01-01T00:00:00Z"),
			named("a", "2026-01-02T00:00:00Z"),
		];
		const [c, a, b] = inOrder(policies);
		if (!(a && b && c)) throw new Error("one is missing");
		expect([c, a, b].map(({ metadata }) => metadata.name)).toEqual(["c", "a", "b"]);
		expect([whyFirst(c, a), whyFirst(a, b)]).toEqual(["older", "as old and comes first by name"]);
	});

	test("is nothing at all where there is no policy and all is allowed, else a policy without exceptions", () => {
		expect(withoutPolicy("Allow")).toBeUndefined();
		expect(withoutPolicy("Deny")).toEqual(denyAll);
		expect(denyAll.intent).toEqual({ default: "Deny", enforcement: "Enforce", exceptions: 0, lists: [] });
	});

	test("what a node has recorded is read again, and what cannot be read is not taken for nothing", () => {
		const { intent } = policyOf({ default: "Deny", exceptions: readLists(["B a.example\n"], "a list") }, "Audit");
		expect(recordedPolicy({ name: "gw-1", policy: intent })).toEqual({ known: true, policy: intent });
		expect(recordedPolicy({ name: "gw-1" })).toEqual({ known: true });
		for (const record of [undefined, "text", { policy: {} }, { policy: null }]) {
			expect(recordedPolicy(record)).toEqual({ known: false });
			expect(recordedPolicy({ strategy: "Live" }, record)).toEqual({ known: false });
		}
		expect(recordedPolicy({ strategy: "Live" }, { policy: intent })).toEqual({ known: true, policy: intent });
		expect(recordedPolicy({ strategy: "Live" }, {})).toEqual({ known: true });
		// What was live before the strategy became Documented
		expect(recordedPolicy({}, { policy: intent })).toEqual({ known: true });
	});
});
