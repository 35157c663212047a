import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { allPages } from "../../lib/pages.ts";
import { type KindTable, kindTables } from "../../resources/kinds.ts";

const apiVersion = "xmppfed.dev/v1alpha1";
/** To what a page shows a part of: of each kind the smallest. */
const smallest: Readonly<Record<string, object>> = {
	XmppFederation: { domain: "example.com", upstream: { host: "xmpp.chat.svc" }, nodes: [{ name: "gw-1" }] },
	FederationPolicy: { federationRef: { name: "example" }, default: "Deny" },
	ChatNodeAlias: { federationRef: { name: "example" }, alias: "rooms.example.com", node: "gw-1" },
};

type Fields = Readonly<Record<string, unknown>>;

const blocks = [...(await allPages())].flatMap(([page, { blocks: all }]) =>
	all
		.filter(({ language }) => language === "yaml")
		.flatMap(({ line, text }) =>
			parseAllDocuments(text).map((document) => ({
				where: `${page}:${line}`,
				errors: document.errors.map(({ message }) => message),
				value: document.toJS() as unknown,
			})),
		),
);

test("the pages have resources to look at", () => {
	expect(blocks.length).toBeGreaterThan(10);
});

test.each(blocks)("YAML at $where is a resource, or a part of one, that is taken whole", ({ errors, value }) => {
	expect([...errors, ...faultsOf(value)]).toEqual([]);
});

function faultsOf(value: unknown): readonly string[] {
	if (!isFields(value)) return ["neither a resource nor a part of one"];
	if (value["kind"] === undefined) return faultsOfPart(isFields(value["spec"]) ? value["spec"] : value);
	// Objects of others are for their owners to check.
	if (value["apiVersion"] !== apiVersion) return [];
	const own = kindTables.find(({ kind }) => kind === value["kind"]);
	return own ? faults(own, value) : [`there is no kind ${JSON.stringify(value["kind"])}`];
}

/** Of what is a part of one kind or another: none where it fits one. */
function faultsOfPart(part: Fields): readonly string[] {
	const found = kindTables.map((table) => {
		const spec = { ...smallest[table.kind], ...part };
		return faults(table, { apiVersion, kind: table.kind, metadata: { name: "example" }, spec });
	});
	return found.some((of) => of.length === 0) ? [] : found.flat();
}

/** A field that the kind does not have is a fault, too. */
function faults({ parse }: KindTable, resource: Fields): readonly string[] {
	const parsed = parse(resource);
	if (!parsed.ok) return parsed.errors.map(({ field, message }) => `${field}: ${message}`);
	return isDeepStrictEqual(parsed.value.spec, resource["spec"]) ? [] : ["a field of it is not known"];
}

function isFields(value: unknown): value is Fields {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
