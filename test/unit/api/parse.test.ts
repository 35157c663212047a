import { describe, expect, test } from "vitest";
import { parseStored, parseXmppFederation } from "../../../src/api/parse.ts";
import { kindTables } from "../../resources/kinds.ts";

const smallest = {
	apiVersion: "xmppfed.dev/v1alpha1",
	kind: "XmppFederation",
	metadata: { name: "example" },
	spec: { domain: "example.com", upstream: { host: "xmpp.chat.svc" }, nodes: [{ name: "gw-1" }] },
};

describe("parseXmppFederation", () => {
	test.each([[undefined], [null], [5], ["text"], [[]]])("refuses %j, which is no object", (value) => {
		const parsed = parseXmppFederation(value);
		expect(parsed).toMatchObject({ ok: false, errors: [{ field: "" }] });
	});

	test("refuses another kind or version and says which it takes", () => {
		const parsed = parseXmppFederation({ ...smallest, apiVersion: "xmppfed.dev/v1", kind: "Federation" });
		expect(parsed).toEqual({
			ok: false,
			errors: [
				{ field: "apiVersion", message: expect.stringContaining("xmppfed.dev/v1alpha1") },
				{ field: "kind", message: expect.stringContaining("XmppFederation") },
			],
		});
	});

	test("tells every error, not the first only", () => {
		const parsed = parseXmppFederation({
			...smallest,
			spec: { ...smallest.spec, domain: "a", upstream: { host: "b" }, nodes: [{ name: "C", published: true }] },
		});
		const fields = parsed.ok ? [] : parsed.errors.map(({ field }) => field);
		expect(fields.toSorted()).toEqual([
			"spec.domain",
			"spec.nodes[0].name",
			"spec.nodes[0].published",
			"spec.upstream.host",
		]);
	});

	test("quotes keys in the path of a field that are no plain names", () => {
		const spec = { ...smallest.spec, service: { labels: { "example.com/a": "b c" } } };
		expect(parseXmppFederation({ ...smallest, spec })).toMatchObject({
			ok: false,
			errors: [{ field: 'spec.service.labels["example.com/a"]' }],
		});
	});

	test("leaves unknown fields out, as the API server does", () => {
		const spec = { ...smallest.spec, later: 1, nodes: [{ name: "gw-1", later: { x: 1 } }] };
		expect(parseXmppFederation({ ...smallest, spec })).toEqual({ ok: true, value: smallest });
	});

	test("keeps metadata that it does not know", () => {
		const metadata = { name: "example", annotations: { a: "b" }, managedFields: [{ manager: "kubectl" }] };
		expect(parseXmppFederation({ ...smallest, metadata })).toEqual({ ok: true, value: { ...smallest, metadata } });
	});

	test("reads the status", () => {
		const status = { observedGeneration: 1, readyNodes: "1/1" };
		expect(parseXmppFederation({ ...smallest, status })).toEqual({ ok: true, value: { ...smallest, status } });
	});

	test("takes a status of another version as none", () => {
		expect(parseXmppFederation({ ...smallest, status: { readyNodes: 1 } })).toEqual({ ok: true, value: smallest });
	});
});

describe("parseStored", () => {
	test("refuses fields that a newer version has stored, naming each", () => {
		const spec = { ...smallest.spec, later: 1, nodes: [{ name: "gw-1", later: { x: 1 } }] };
		const message = expect.stringContaining("upgrade it, or remove the field");
		expect(parseStored(parseXmppFederation, { ...smallest, spec })).toEqual({
			ok: false,
			errors: [
				{ field: "spec.nodes[0].later", message },
				{ field: "spec.later", message },
			],
		});
	});

	test.each(kindTables)("takes every valid $kind, as they are where nothing is unknown", ({ parse, validCases }) => {
		expect(validCases.length).toBeGreaterThan(0);
		for (const { name, resource } of validCases)
			expect({ name, ...parseStored(parse, resource) }).toEqual({ name, ...parse(resource) });
	});
});
