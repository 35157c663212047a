import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { chatNodeAliasResource } from "../../src/api/chat-node-alias.ts";
import { federationPolicyResource } from "../../src/api/federation-policy.ts";
import { parseXmppFederation } from "../../src/api/parse.ts";
import { type XmppFederationStatus, xmppFederationResource } from "../../src/api/xmpp-federation.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../src/kubernetes/connection.ts";
import { ApiError, type StatusDetails } from "../../src/kubernetes/errors.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";
import { manyExceptions, policy } from "../resources/federation-policies.ts";
import { kindTables } from "../resources/kinds.ts";
import { nearlyHost, nearlyNetwork, nearlyQuantity, randomFederation } from "../resources/random-federations.ts";
import { kubectl } from "./rights.ts";
import { freshNamespace } from "./support.ts";

interface Federation extends KubernetesObject {
	readonly spec?: unknown;
	readonly status?: unknown;
}

const federations: Resource<Federation> = xmppFederationResource;
const policies: Resource<Federation> = federationPolicyResource;
const aliases: Resource<Federation> = chatNodeAliasResource;

let client: KubernetesClient;
let namespace: string;

beforeAll(async () => {
	client = new KubernetesClient(loadKubeConfig({ kubeconfig: inject("kubeconfig") }));
	namespace = await freshNamespace(client);
});

afterAll(async () => await client.close());

function inNamespace(resource: Federation, name = resource.metadata.name): Federation {
	return { ...resource, metadata: { ...resource.metadata, name, namespace } };
}

function resourceOf({ kind }: Federation): Resource<Federation> {
	return [policies, aliases].find((resource) => resource.kind === kind) ?? federations;
}

type Attempt =
	| { readonly taken: true; readonly stored: Federation }
	| { readonly taken: false; readonly causes: NonNullable<StatusDetails["causes"]> };

/** Makes the resource and takes it away again; gives what was stored, or why it was refused. */
async function tryToCreate(resource: Federation): Promise<Attempt> {
	try {
		const kind = resourceOf(resource);
		const stored = await client.create(kind, inNamespace(resource));
		await client.delete(kind, namespace, resource.metadata.name);
		return { taken: true, stored };
	} catch (error) {
		// 400 is the answer to what does not decode, 422 to what breaks a rule.
		if (!(error instanceof ApiError && [400, 422].includes(error.status))) throw error;
		return { taken: false, causes: error.details.causes ?? [] };
	}
}

function smallest(name: string, spec: object = {}): Federation {
	return {
		apiVersion: xmppFederationResource.apiVersion,
		kind: xmppFederationResource.kind,
		metadata: { name, namespace },
		spec: { domain: "example.com", upstream: { host: "xmpp.chat.svc" }, nodes: [{ name: "gw-1" }], ...spec },
	};
}

describe.each(kindTables)("$kind", ({ validCases, invalidCases }) => {
	describe("the API server takes, and gives back as it was", () => {
		test.each(validCases)("$name", async ({ resource }) => {
			expect(await tryToCreate(resource)).toMatchObject({ taken: true });
		});

		test.each(validCases)("$name, by server-side apply", async ({ resource }) => {
			const kind = resourceOf(resource);
			const applied = await client.apply(kind, inNamespace(resource), { force: false });
			const read = await client.get(kind, namespace, resource.metadata.name);
			await client.delete(kind, namespace, resource.metadata.name);
			expect(applied.spec).toStrictEqual(resource.spec);
			expect(read?.spec).toStrictEqual(resource.spec);
		});
	});

	describe("the API server refuses", () => {
		test.each(invalidCases)("$name", async ({ resource, field, says }) => {
			const attempt = await tryToCreate(resource);
			const fragment = typeof says === "string" ? says : says.apiserver;
			expect(attempt).toMatchObject({ taken: false });
			// The API server writes the key of a map as .key or as [key].
			const causes = attempt.taken
				? []
				: attempt.causes.map((cause) => ({ ...cause, field: withDots(cause.field ?? "") }));
			expect(causes).toContainEqual(expect.objectContaining({ field, message: expect.stringContaining(fragment) }));
		});
	});
});

describe("the API server refuses", () => {
	test("a field that there is not, by server-side apply", async () => {
		const misspelt = smallest("misspelt", { upsteam: {} });
		await expect(client.apply(federations, misspelt, { force: false })).rejects.toThrow("upsteam");
	});
});

describe("changes", () => {
	async function change(before: object, after: object): Promise<unknown> {
		const name = "changed";
		const created = await client.create(federations, smallest(name, before));
		try {
			const { resourceVersion } = created.metadata;
			const next = smallest(name, after);
			return await client.replace(federations, { ...next, metadata: { ...next.metadata, resourceVersion } });
		} catch (error) {
			return error;
		} finally {
			await client.delete(federations, namespace, name);
		}
	}

	const lb = (loadBalancerClass: string) => ({ service: { loadBalancerClass } });

	test.each([
		["another domain", {}, { domain: "example.org" }],
		["the domain in other case", {}, { domain: "Example.com" }],
	])("%s is refused", async (_, before, after) => {
		expect(await change(before, after)).toMatchObject({
			status: 422,
			details: {
				causes: [{ field: "spec.domain", message: expect.stringContaining("cannot be changed: delete this") }],
			},
		});
	});

	test.each([
		["another load balancer class", lb("a"), lb("b")],
		["a load balancer class where there was none", {}, lb("a")],
		["a load balancer class in a Service that had none", { service: {} }, lb("a")],
		["no load balancer class where there was one", lb("a"), {}],
		["another class with the type written out", lb("a"), { service: { type: "LoadBalancer", loadBalancerClass: "b" } }],
	])("%s is refused", async (_, before, after) => {
		expect(await change(before, after)).toMatchObject({
			status: 422,
			details: {
				causes: [
					{ field: "spec.service.loadBalancerClass", message: expect.stringContaining("set type: ClusterIP first") },
				],
			},
		});
	});

	test.each([
		["everything but the domain", {}, { additionalDomains: ["a.example"], nodes: [{ name: "b" }], image: "a" }],
		["no load balancer any more", lb("a"), { service: { type: "ClusterIP" } }],
		["a load balancer with a class after another type", { service: { type: "NodePort" } }, lb("b")],
		["other settings of a Service with a class", lb("a"), { service: { loadBalancerClass: "a", hostname: "a.b" } }],
		["a Service that says its default type", {}, { service: { type: "LoadBalancer" } }],
	])("%s is taken", async (_, before, after) => {
		expect(await change(before, after)).toMatchObject({ spec: after });
	});
});

describe("changes of a FederationPolicy", () => {
	const exceptions = manyExceptions(80);

	test("another federation is refused", async () => {
		const before = inNamespace(policy({}, "moved"));
		await client.create(policies, before);
		const other = { spec: { federationRef: { name: "other" } } };
		await expect(client.mergePatch(policies, namespace, "moved", other)).rejects.toMatchObject({
			status: 422,
			details: { causes: [{ field: "spec.federationRef", message: expect.stringContaining("cannot be changed") }] },
		});
	});

	// kubectl keeps what it applied in an annotation, and all annotations together have 256 KiB.
	test("2,000 exceptions of 80 characters, by client-side kubectl apply, and one of them changed", async () => {
		const apply = async (list: typeof exceptions) =>
			await kubectl(["apply", "-f", "-"], JSON.stringify(inNamespace(policy({ exceptions: list }, "many"))));
		expect(await apply(exceptions)).toContain("many created");
		expect(await apply(exceptions.with(7, { domain: "changed.example", direction: "Both" }))).toContain(
			"many configured",
		);
		const stored = await client.get(policies, namespace, "many");
		expect(stored?.spec).toMatchObject({ exceptions: { length: 2_000, 7: { domain: "changed.example" } } });
	});
});

describe("zod and the API server agree", () => {
	test("on fields that are null", async () => {
		const nulls = smallest("nulls", {
			additionalDomains: null,
			service: { hostname: null, labels: { a: null }, annotations: null },
			nodes: [{ name: "a", upstream: null, affinity: { nodeAffinity: null } }],
			resolver: { enabled: null },
		});
		const attempt = await tryToCreate(nulls);
		const spec = {
			domain: "example.com",
			upstream: { host: "xmpp.chat.svc" },
			service: { labels: {} },
			nodes: [{ name: "a", affinity: {} }],
			resolver: {},
		};
		expect(attempt).toMatchObject({ taken: true, stored: { spec } });
		expect(specOf(parseXmppFederation(nulls))).toEqual(spec);
	});

	test("on random resources", { timeout: 300_000 }, async () => {
		const seen = { taken: 0, refused: 0 };
		const agreement = fc.asyncProperty(randomFederation, async (given) => {
			const resource = { ...smallest(given.name), spec: given.spec };
			const parsed = parseXmppFederation(resource);
			const attempt = await tryToCreate(resource);
			seen[attempt.taken ? "taken" : "refused"] += 1;
			// What the API server took out (nulls, unknown fields), zod leaves out. Where they differ, `attempt` is shown.
			const spec = attempt.taken ? specOf(parseXmppFederation(attempt.stored)) : specOf(parsed);
			expect({ taken: parsed.ok, spec: specOf(parsed), attempt }).toEqual({ taken: attempt.taken, spec, attempt });
		});
		await fc.assert(agreement, { numRuns: 300 });
		expect(seen.taken).toBeGreaterThan(20);
		expect(seen.refused).toBeGreaterThan(20);
	});

	// Many values in one resource: each that is refused is named by its place. The API server tries no rule where one of
	// them is too long.
	test.each([
		[
			"networks",
			nearlyNetwork.filter(({ length }) => length <= 43),
			64,
			(list: unknown[]) => ({ service: { sourceRanges: list } }),
		],
		[
			"hosts",
			nearlyHost,
			32,
			(list: unknown[]) => ({ nodes: list.map((host, i) => ({ name: `n${i}`, upstream: { host } })) }),
		],
		[
			"quantities",
			nearlyQuantity,
			32,
			(list: unknown[]) => ({ nodes: list.map((cpu, i) => ({ name: `n${i}`, resources: { limits: { cpu } } })) }),
		],
	])("on random %s", { timeout: 300_000 }, async (_, value: fc.Arbitrary<unknown>, length, specWith) => {
		const lists = fc.uniqueArray(value, { minLength: length, maxLength: length });
		const agreement = fc.asyncProperty(lists, async (list) => {
			const resource = smallest("values", specWith(list));
			const parsed = parseXmppFederation(resource);
			const attempt = await tryToCreate(resource);
			const byZod = parsed.ok ? [] : parsed.errors.map(({ field }) => field);
			const byServer = attempt.taken ? [] : attempt.causes.map(({ field }) => field ?? "");
			expect(new Set(byZod.map((field) => valueAt(field, list)))).toEqual(
				new Set(byServer.map((field) => valueAt(field, list))),
			);
		});
		await fc.assert(agreement, { numRuns: 20 });
	});
});

function withDots(field: string): string {
	return field.replaceAll(/\[([a-z]+)\]/g, ".$1");
}

/** The value that stands at the first index of a field's path. */
function valueAt(field: string, list: readonly unknown[]): unknown {
	return list[Number(/\[(\d+)\]/.exec(field)?.[1])];
}

function specOf(parsed: ReturnType<typeof parseXmppFederation>) {
	return parsed.ok ? parsed.value.spec : parsed.errors;
}

describe("status", () => {
	const status: XmppFederationStatus = {
		observedGeneration: 1,
		conditions: [
			{
				type: "Ready",
				status: "False",
				observedGeneration: 1,
				lastTransitionTime: "2026-01-02T03:04:05Z",
				reason: "NodesNotReady",
				message: "",
			},
		],
		readyNodes: "0/1",
		enabledNodes: 0,
		nodes: [
			{
				name: "gw-1",
				federation: "Disabled",
				ready: false,
				state: "Blocked",
				reason: "PodFailing",
				message: "é🙂",
				revision: "1",
			},
		],
		dnsRecords: [{ name: "_xmpp-server._tcp.example.com.", type: "SRV", value: "0 0 5269 xmpp.example.com." }],
		endpoints: [{ name: "a", type: "ClusterIP", host: "10.0.0.1", port: 5269, for: "Internal" }],
		effective: {
			image: "a",
			imageFrom: "Operator",
			securityMode: "TLSRequired",
			certificate: "SelfSigned",
			dialback: "Generated",
			service: { type: "LoadBalancer", externalTrafficPolicy: "Local" },
			resolver: { enabled: false },
			nodes: [{ name: "gw-1", federation: "Disabled", published: false, upstream: { host: "a.b", port: 5269 } }],
		},
	};

	test("is stored as it was applied, and read by zod", async () => {
		const resource = smallest("with-status");
		await client.create(federations, resource);
		const { apiVersion, kind, metadata } = resource;
		const statusOnly = { apiVersion, kind, metadata, status };
		const applied = await client.apply(federations, statusOnly, { force: true, subresource: "status" });
		expect(applied.status).toStrictEqual(status);
		expect(parseXmppFederation(applied)).toMatchObject({ ok: true, value: { status } });
	});

	test("cannot be set by who writes the spec", async () => {
		const attempt = await tryToCreate({ ...smallest("early-status"), status });
		expect(attempt).toMatchObject({ taken: true });
		expect(attempt).not.toHaveProperty("stored.status");
	});
});
