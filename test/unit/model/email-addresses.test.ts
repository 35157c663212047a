import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EmailAddressesSpec } from "../../../src/api/email-addresses.ts";
import { mappingDigest, mappingFiles, mostFileBytes } from "../../../src/gateway/email-address-files.ts";
import { directorySource, writeEntry } from "../../../src/model/email-addresses/directory.ts";
import { preparedLocalpart } from "../../../src/model/email-addresses/jid.ts";
import { mergeMappings } from "../../../src/model/email-addresses/merge.ts";
import { textSources } from "../../../src/model/email-addresses/texts.ts";
import { base64 } from "../fixtures/federation.ts";

const domains = ["example.com", "example.org", "xn--bcher-kva.example"];
type Refs = NonNullable<EmailAddressesSpec["mappingRefs"]>;

/** Of one ConfigMap `people` with the key `list`, and a Secret `board` with the same. */
function merged(people: string, board = "", refs: Refs = [{ configMapRef: { name: "people" } }]) {
	const { sources, problems } = textSources(refs, {
		configMaps: new Map([["people", { data: { list: people } }]]),
		secrets: new Map([["board", { data: { list: base64(board) } }]]),
	});
	expect(problems).toEqual([]);
	return mergeMappings(sources, domains);
}

const both: Refs = [{ configMapRef: { name: "people" } }, { secretRef: { name: "board" } }];

function mapping(people: string, board = ""): Record<string, string> {
	const result = merged(people, board, both);
	if (!result.ok) throw new Error(JSON.stringify(result.problems));
	return Object.fromEntries(result.mapping);
}

function refusals(people: string, board = ""): readonly string[] {
	const result = merged(people, board, both);
	return result.ok ? [] : result.problems.map(({ message }) => message);
}

describe("a line", () => {
	test.each<[string, Record<string, string>]>([
		["alice = alice.smith@example.com", { "alice@example.com": "alice.smith@example.com" }],
		["alice=alice.smith@example.com", { "alice@example.com": "alice.smith@example.com" }],
		["\t Alice@EXAMPLE.com \t=  Alice.Smith@Example.COM \r", { "alice@example.com": "alice.smith@example.com" }],
		["alice@example.org = alice@example.com", { "alice@example.org": "alice@example.com" }],
		["alice = alice@example.com", { "alice@example.com": "alice@example.com" }],
		["alice = a@example.com # since May", { "alice@example.com": "a@example.com" }],
		["# alice = a@example.com", {}],
		["   ", {}],
		["a#1 = a@example.com", { "a#1@example.com": "a@example.com" }],
		["a=1 = a@example.com", { "a=1@example.com": "a@example.com" }],
		["jörg = JÖRG.Maß@bücher.example", { "jörg@example.com": "jörg.mass@xn--bcher-kva.example" }],
		["ŽOFIE = ΣΊΣΥΦΟΣ@example.com", { "žofie@example.com": "σίσυφοσ@example.com" }],
		["e\u0301va = Ё@example.com", { "éva@example.com": "ё@example.com" }],
		["alice = a@xn--bcher-kva.example.", { "alice@example.com": "a@xn--bcher-kva.example" }],
	])("%j", (line, expected) => {
		expect(mapping(line)).toEqual(expected);
	});

	const noLine = "must be a user, =, and an address, such as alice = alice.smith@example.com.";
	const foreign = "is of no domain of this federation: use spec.domain or one of spec.additionalDomains.";
	const noUser = `must be a name such as alice, or alice@example.com, without spaces and any of "&'/:<>.`;
	const noAddress = `must be one such as alice.smith@example.com, without spaces and any of "&'/:<>.`;
	test.each<[string, string]>([
		["alice", ` "alice": ${noLine}`],
		["= a@example.com", ` "= a@example.com": ${noLine}`],
		["alice =", ` "alice =": ${noLine}`],
		["a = b = c@example.com", ` "a = b = c@example.com": ${noLine}`],
		["a=b=c@example.com", ` "a=b=c@example.com": ${noLine}`],
		["alice = alice.smith", `: the address "alice.smith" ${noAddress}`],
		["alice = @example.com", `: the address "@example.com" ${noAddress}`],
		["alice = a@example.net", `: the address "a@example.net" ${foreign}`],
		["alice = a@sub.example.com", `: the address "a@sub.example.com" ${foreign}`],
		["alice = a@example.com/work", `: the address "a@example.com/work" ${foreign}`],
		["alice@example.net = a@example.com", `: the user "alice@example.net" ${foreign}`],
		["alice smith = a@example.com", `: the user "alice smith" ${noUser}`],
		["o'brien = a@example.com", `: the user "o'brien" ${noUser}`],
		["alice = o'brien@example.com", `: the address "o'brien@example.com" ${noAddress}`],
		["ısıl = a@example.com", `: the user "ısıl" ${noUser}`],
		["ﬁnn = a@example.com", `: the user "ﬁnn" ${noUser}`],
		["Ƚ = a@example.com", `: the user "Ƚ" ${noUser}`],
		["b\u200dc = a@example.com", `: the user "b\u200dc" ${noUser}`],
		["alice = a.xmppfed-unmapped@example.com", `: the address "a.xmppfed-unmapped@example.com" ${noAddress}`],
		[`${"a".repeat(1007)} = a@example.com`, `: the user "${"a".repeat(63)}…" ${noUser}`],
	])("%j is refused", (line, message) => {
		expect(refusals(`\n${line}`)).toEqual([`ConfigMap people, list line 2${message}`]);
	});

	test("of a Secret is not shown: it may be another Secret than was meant", () => {
		for (const line of [
			"hunter2",
			"user: hunter2 = x",
			"hunter2 = a@hunter2.example",
			"hunter2@x.example = a@example.com",
		]) {
			const [message, ...others] = refusals("", line);
			expect(others).toEqual([]);
			expect(message).toMatch(/^Secret board, list line 1: /);
			expect(message).not.toContain("hunter2");
		}
	});
});

describe("sources together", () => {
	test("are one mapping; the same pair may stand twice", () => {
		expect(mapping("a = a.a@example.com\nb = b.b@example.com", "A = A.A@example.com\nc = c.c@example.com")).toEqual({
			"a@example.com": "a.a@example.com",
			"b@example.com": "b.b@example.com",
			"c@example.com": "c.c@example.com",
		});
	});

	test("users may have each other's names as addresses", () => {
		expect(mapping("a = b@example.com\nb = a@example.com")).toEqual({
			"a@example.com": "b@example.com",
			"b@example.com": "a@example.com",
		});
	});

	test("with one address for two users are refused, naming both and where they stand", () => {
		expect(refusals("alice = staff@example.com\nbob = b@example.com", "bob@example.org = STAFF@example.com")).toEqual([
			"ConfigMap people, list line 1 and Secret board, list line 1: alice@example.com and bob@example.org have one " +
				"address, staff@example.com. Give each one of its own.",
		]);
	});

	test("with two addresses for one user are refused, naming both and where they stand", () => {
		expect(refusals("alice = a@example.com\nalice = b@example.com")).toEqual([
			"ConfigMap people, list line 1 and ConfigMap people, list line 2: alice@example.com has two addresses, " +
				"a@example.com and b@example.com. Keep one.",
		]);
	});

	test("are all looked at, and ten refusals are told", () => {
		const told = refusals(Array.from({ length: 25 }, (_, index) => `line ${index}`).join("\n"));
		expect(told).toHaveLength(11);
		expect(told.at(-1)).toBe("and 15 more of the kind.");
	});

	test("with more than 100,000 users are refused", () => {
		const lines = Array.from({ length: 100_001 }, (_, index) => `u${index} = a${index}@example.com`);
		expect(refusals(lines.join("\n"))).toEqual(["has 100001 users in all its sources, and 100000 is the most."]);
		expect(Object.keys(mapping(lines.slice(1).join("\n")))).toHaveLength(100_000);
	}, 60_000);

	test("what is no text is refused, whether its key is named or not", () => {
		const configMaps = new Map([["people", { data: { a: "a = a@example.com" }, binaryData: { b: "/w==" } }]]);
		for (const key of [{}, { key: "b" }]) {
			const refs = [{ configMapRef: { name: "people", ...key } }];
			const { sources, problems } = textSources(refs, { configMaps, secrets: new Map() });
			const result = mergeMappings(sources, domains);
			expect(problems).toEqual([]);
			expect(result.ok ? [] : result.problems.map(({ message }) => message)).toEqual([
				'ConfigMap people, b line 1 "(no text)": must be text in UTF-8.',
			]);
		}
		expect(merged("", String.fromCodePoint(0xfffd), both).ok).toBe(false);
	});

	test("keys are read in their order, or one alone; what is missing is said", () => {
		const objects = {
			configMaps: new Map([["people", { data: { b: "b = b@example.com", a: "a = a@example.com" } }]]),
			secrets: new Map<string, object>([["empty", {}]]),
		};
		const placesOf = (...refs: Refs) => textSources(refs, objects).sources.map(({ at }) => at(1));
		expect(placesOf({ configMapRef: { name: "people" } })).toEqual([
			"ConfigMap people, a line 1",
			"ConfigMap people, b line 1",
		]);
		expect(placesOf({ configMapRef: { name: "people", key: "b" } })).toEqual(["ConfigMap people, b line 1"]);
		expect(placesOf({ secretRef: { name: "empty" } })).toEqual([]);
		const { problems } = textSources(
			[
				{ configMapRef: { name: "people", key: "c" } },
				{ configMapRef: { name: "none" } },
				{ secretRef: { name: "people" } },
			],
			objects,
		);
		expect(problems).toEqual(
			[
				[
					"[0].configMapRef",
					'ConfigMap "people" has no key "c". Put the mapping there, with one "user = address" a line.',
				],
				[
					"[1].configMapRef",
					'ConfigMap "none" does not exist in this namespace. Create it, with one "user = address" a line.',
				],
				[
					"[2].secretRef",
					'Secret "people" does not exist in this namespace. Create it, with one "user = address" a line.',
				],
			].map(([place, message]) => ({
				reason: "EmailAddressesUnavailable",
				field: `spec.emailAddresses.mappingRefs${place}`,
				message,
			})),
		);
	});
});

describe("entries of a directory", () => {
	const read = (users: readonly string[], addresses: readonly string[]) =>
		mergeMappings([directorySource([writeEntry({ dn: "uid=a,dc=example", users, addresses })], domains)], domains);

	test("count as lines do; of several addresses the one of a local domain", () => {
		const result = read(["Alice"], ["alice@elsewhere.example", "Alice.Smith@example.org", "a@elsewhere.example"]);
		expect(result.ok && Object.fromEntries(result.mapping)).toEqual({ "alice@example.com": "alice.smith@example.org" });
	});

	test.each<[readonly string[], readonly string[], string]>([
		[[], ["a@example.com"], ' "none": must have one user, in the attribute spec.emailAddresses.ldap.userAttribute.'],
		[
			["a", "b"],
			["a@example.com"],
			' "a, b": must have one user, in the attribute spec.emailAddresses.ldap.userAttribute.',
		],
		[
			["a"],
			[],
			' "none": must have one address of a local domain, in the attribute spec.emailAddresses.ldap.mailAttribute.',
		],
		[
			["a"],
			["a@example.com", "b@example.org"],
			' "a@example.com, b@example.org": must have one address of a local domain, in the attribute ' +
				"spec.emailAddresses.ldap.mailAttribute.",
		],
		[
			["a"],
			["a@elsewhere.example"],
			': the address "a@elsewhere.example" is of no domain of this federation: use spec.domain or one of ' +
				"spec.additionalDomains.",
		],
	])("with users %j and addresses %j are refused", (users, addresses, message) => {
		const result = read(users, addresses);
		expect(result.ok ? [] : result.problems).toEqual([
			{
				reason: "EmailAddressesInvalid",
				field: "spec.emailAddresses.ldap",
				message: `LDAP entry "uid=a,dc=example"${message}`,
			},
		]);
	});
});

describe("files for routers", () => {
	test("have one pair a line in the order of the users, domains as they stand in XMPP addresses", () => {
		const files = mappingFiles(
			new Map([
				["b@example.com", "b.b@xn--bcher-kva.example"],
				["a@xn--bcher-kva.example", "a.a@example.com"],
			]),
		);
		const text = "a@bücher.example a.a@example.com\nb@example.com b.b@bücher.example\n";
		expect(files).toEqual({ files: [text], index: `{"digests":["${hash("sha256", text)}"],"mappings":2}\n` });
		expect(mappingDigest(files?.index ?? "")).toMatch(/^[0-9a-f]{10}$/);
	});

	test("of nobody are none, with an index that says so", () => {
		expect(mappingFiles(new Map())).toEqual({ files: [], index: '{"digests":[],"mappings":0}\n' });
	});

	test("are as many as are needed, none too long for a Secret; 100,000 users fit, and what does not is refused", () => {
		const people = (length: number, name: string) =>
			new Map(
				Array.from({ length }, (_, index) => [`${name}${index}@example.com`, `${name}.${index}@example.com`] as const),
			);
		const files = mappingFiles(people(100_000, "é".repeat(15)))?.files ?? [];
		expect(files.length).toBe(11);
		for (const text of files) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(mostFileBytes);
		expect(files.join("").split("\n")).toHaveLength(100_001);
		expect(mappingFiles(people(100_000, "é".repeat(50)))).toBeUndefined();
	}, 60_000);
});

test("the part before the @ is prepared once: what is prepared stays, and in capital letters is nobody else", () => {
	fc.assert(
		fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (text) => {
			const prepared = preparedLocalpart(text);
			if (prepared === undefined) return;
			expect(preparedLocalpart(prepared)).toBe(prepared);
			// Capital letters may be ones that Nodeprep does not know.
			expect([prepared, undefined]).toContain(preparedLocalpart(text.toUpperCase()));
		}),
		{ numRuns: 2_000 },
	);
});
