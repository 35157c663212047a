import fc from "fast-check";
import { type StructuralSchema, structuralSchema } from "../../src/api/crd.ts";
import { apiVersion } from "../../src/api/group.ts";
import { parseXmppFederation } from "../../src/api/parse.ts";
import { celKeyword } from "../../src/api/rules.ts";
import { xmppFederationKind } from "../../src/api/xmpp-federation.ts";
import { hostileTexts } from "./hostile-texts.ts";

/** Random values, made from the schema itself, so that a field that is added is tried without a change here. */

/** Pieces of names, addresses and quantities: put together they are often nearly right. */
const pieces = [
	"a",
	"B",
	"com",
	"xn--",
	"1",
	"07",
	"10",
	"255",
	"-",
	".",
	"..",
	":",
	"::",
	"ffff",
	"fe80",
	"/",
	"/8",
	"_",
	"e3",
	"Mi",
	"m",
	"+",
];
const nearlyText = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(""));
const address = fc.oneof(
	fc.ipV4(),
	fc.ipV6(),
	fc.ipV4Extended(),
	fc.ipV4().map((ip) => `::ffff:${ip}`),
	// Those that are not another machine's.
	fc
		.tuple(fc.constantFrom(0, 127, 169, 223, 224, 239, 240, 255), fc.constantFrom(0, 254, 255))
		.map(([a, b]) => `${a}.${b}.${b}.${b}`),
	fc.constantFrom("::", "::1", "::2", "fe80::1", "febf::1", "fec0::1", "ff02::1", "fe7f::1", "fe80::1%lo"),
);

export const nearlyHost = fc.oneof(nearlyText, address, fc.domain());
export const nearlyNetwork = fc.oneof(
	nearlyText,
	fc.tuple(address, fc.integer({ min: -1, max: 130 })).map(([ip, length]) => `${ip}/${length}`),
	fc.tuple(fc.nat(255), fc.nat(33)).map(([bits, length]) => `${bits}.0.0.0/${length}`),
	fc.tuple(fc.nat(0xffff), fc.nat(129)).map(([bits, length]) => `${bits.toString(16)}::/${length}`),
);
export const nearlyQuantity = fc.oneof(
	nearlyText,
	fc.integer({ min: -3 }),
	fc.stringMatching(/^[0-9]{0,3}\.?[0-9]{0,3}([KMGTPE]i?|[numkeE]|[eE][-+]?[0-9]{1,3})?$/),
);

export interface RandomFederation {
	readonly name: string;
	readonly spec: unknown;
}

/** Whole resources. About one in six is right. */
export const randomFederation: fc.Arbitrary<RandomFederation> = fc.record({
	name: usually(fc.constantFrom("example", "a-1"), fc.constantFrom("A", "1a", "a.b", "a".repeat(41))),
	spec: valueOf(structuralSchema(xmppFederationKind.spec), ""),
});

/** Whole resources, of which most are right: what zod refuses of a random one is taken out. */
export const mendedFederation: fc.Arbitrary<RandomFederation> = randomFederation.map(({ name, spec }) => {
	const resource = { apiVersion, kind: xmppFederationKind.kind, metadata: { name: "example" }, spec };
	let mended = structuredClone(resource);
	for (let round = 0; round < 10; round++) {
		const parsed = parseXmppFederation(mended);
		if (parsed.ok) break;
		// From the end, so that the places of others in a list stay.
		const fields = new Set(parsed.errors.map(({ field }) => field));
		for (const field of [...fields].toReversed()) mended = without(mended, field);
	}
	return { name, spec: mended.spec };
});

/** The value without what stands at a path such as spec.nodes[1].name, or where nothing does, without what would have it. */
function without<T>(value: T, field: string): T {
	const path = [...field.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g)].map(
		([, index, quoted, name]) => index ?? (quoted === undefined ? (name ?? "") : String(JSON.parse(`"${quoted}"`))),
	);
	const copy = structuredClone(value);
	let holder: unknown = copy;
	let take = () => {};
	for (const name of path) {
		if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, name)) {
			// Fields of the spec itself that were taken by an earlier error.
			if (path.length === 2) return value;
			break;
		}
		const from: object = holder;
		take = () => void (Array.isArray(from) ? from.splice(Number(name), 1) : Reflect.deleteProperty(from, name));
		holder = Reflect.get(from, name);
	}
	take();
	return copy;
}

/** A value that the schema takes, most often. `name` is that of the field. */
function valueOf(schema: StructuralSchema, name: string): fc.Arbitrary<unknown> {
	const strange = fc.constantFrom<unknown>(
		null,
		"text",
		7,
		-1,
		1.5,
		true,
		[],
		{},
		[null],
		{ a: null },
		...hostileTexts,
	);
	return fc.oneof({ weight: 400, arbitrary: fittingValue(schema, name) }, { weight: 1, arbitrary: strange });
}

function fittingValue(schema: StructuralSchema, name: string): fc.Arbitrary<unknown> {
	if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
	if (schema["x-kubernetes-int-or-string"] === true) return usually(fc.constantFrom(1, "250m", "64Mi"), nearlyQuantity);
	if (schema["x-kubernetes-preserve-unknown-fields"] === true) return fc.constantFrom({}, { kept: [{ as: "it is" }] });
	if (schema.properties !== undefined) return objectOf(schema.properties, schema.required ?? []);
	if (schema.additionalProperties !== undefined) {
		const keys = usually(fc.constantFrom("a", "example.com/a"), fc.oneof(nearlyText, fc.constant("xmppfed.dev/a")));
		return fc.dictionary(keys, valueOf(schema.additionalProperties, name), { maxKeys: 2 });
	}
	if (schema.items !== undefined) {
		return fc.array(valueOf(schema.items, name), { minLength: schema.minItems ?? 0, maxLength: 3 });
	}
	if (schema.type === "boolean") return fc.boolean();
	if (schema.type === "integer") {
		const { minimum: min = 0, maximum: max = 2 ** 31 } = schema;
		return usually(fc.integer({ min, max }), fc.constantFrom(min - 1, max + 1));
	}
	return textOf(schema, name);
}

function objectOf(
	properties: Readonly<Record<string, StructuralSchema>>,
	required: readonly string[],
): fc.Arbitrary<unknown> {
	const always = Object.entries(properties).map(([name, property]) => ({
		name,
		value: valueOf(property, name),
		// One in 200 lacks what is required.
		present: fc.nat(199).map((roll) => (required.includes(name) ? roll > 0 : roll < 60)),
	}));
	return fc
		.tuple(...always.map(({ name, value, present }) => fc.tuple(fc.constant(name), value, present)))
		.map((fields) => Object.fromEntries(fields.filter(([, , is]) => is).map(([field, value]) => [field, value])));
}

function textOf(schema: StructuralSchema, name: string): fc.Arbitrary<string> {
	if (name === "host") return usually(fc.constantFrom("xmpp.chat.svc", "10.0.0.1", "2001:db8::1"), nearlyHost);
	if (["sourceRanges", "cidr", "except"].includes(name))
		return usually(fc.constantFrom("10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"), nearlyNetwork);
	const pattern = patternOf(schema);
	const right =
		pattern === undefined
			? fc.string({ unit: "binary" })
			: fc.stringMatching(pattern, { maxLength: schema.maxLength ?? 64 });
	return usually(right, nearlyText);
}

/** The first regular expression among the rules of a text. */
function patternOf(schema: StructuralSchema): RegExp | undefined {
	const rules: unknown = schema[celKeyword];
	const texts = Array.isArray(rules) ? rules.map(({ rule }) => String(rule)) : [];
	const [pattern] = texts.flatMap((rule) => /^self\.matches\((".*")\)$/.exec(rule)?.[1] ?? []);
	return pattern === undefined ? undefined : new RegExp(JSON.parse(pattern));
}

function usually<A, B>(first: fc.Arbitrary<A>, second: fc.Arbitrary<B>): fc.Arbitrary<A | B> {
	return fc.oneof({ weight: 120, arbitrary: first }, { weight: 1, arbitrary: second });
}
