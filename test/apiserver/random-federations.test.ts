import { setTimeout as sleep } from "node:timers/promises";
import { domainToUnicode } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { XmppFederation } from "../../src/api/xmpp-federation.ts";
import { federationConfiguration } from "../../src/gateway/federation.ts";
import { routerConfiguration } from "../../src/gateway/router.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { ApiError, isAlreadyExists } from "../../src/kubernetes/errors.ts";
import { controllerOf, type Observed } from "../../src/kubernetes/object.ts";
import { type ConfigMap, configMaps, deployments, secrets } from "../../src/kubernetes/resources.ts";
import type { FederationIntent, NodeIntent } from "../../src/model/intent.ts";
import { nodeObjectName, resolverName } from "../../src/model/names.ts";
import type { Problem } from "../../src/model/problem.ts";
import { type ReadConfiguration, readConfiguration } from "../lib/lua-configuration.ts";
import { scaled } from "../lib/scale.ts";
import { mendedFederation, type RandomFederation, randomFederation } from "../resources/random-federations.ts";
import { base64, certificate, key, modelled, sample } from "../unit/fixtures/federation.ts";
import { type FederationObject, federations, ownedKinds, startOperator } from "./operator-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

/** Federations that are there at once. */
const batch = 100;
const batches = scaled(4, 100);
/** Long enough for whatever the operator would still do. */
const quiet = 1_500;

/** What a federation that could not be carried out is told by. */
const reasonsNotToBe: readonly string[] = [
	"InvalidSpec",
	"SecretNotFound",
	"SecretInvalid",
	"ConfigMapNotFound",
	"CertManagerMissing",
	"ExternalDNSMissing",
	"EmailAddressesInvalid",
	"EmailAddressesUnavailable",
	"ApplyFailed",
	"Forbidden",
	"ObjectConflict",
] satisfies Problem["reason"][];

test("random resources are refused, reconciled or reported, and leave nothing behind", {
	timeout: 3_600_000,
}, async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const operator = startOperator(namespace);
	const seed = Date.now();
	const seen = { refused: 0, reconciled: 0, reported: 0 };
	for (let number = 0; number < batches; number++) {
		const given = fc.sample(fc.oneof(randomFederation, mendedFederation), { numRuns: batch, seed: seed + number });
		try {
			const taken = await createAll(client, namespace, given, number);
			seen.refused += given.length - taken.length;
			for (const federation of await settled(client, namespace, taken)) {
				if (obstacle(federation)) {
					seen.reported++;
				} else {
					await expectConfigured(client, federation);
					seen.reconciled++;
				}
			}
			await expectOwned(client, namespace, taken);
			for (const { metadata } of taken) await client.delete(federations, namespace, metadata.name);
			await collectGarbage(client, namespace);
		} catch (error) {
			throw new Error(`batch ${number} of the seed ${seed}`, { cause: error });
		}
	}
	// Errors of reconciles that the operator had not foreseen are logged as errors.
	expect(operator.records.filter(({ level }) => Number(level) >= 50)).toEqual([]);
	await sleep(quiet);
	expect(await ownedBy(client, namespace)).toEqual([]);
	// Nine kinds are watched, and cert-manager's where another test has defined it; Secrets and ConfigMaps that no federation
	// names any more are not. At most four calls at once.
	await eventually(() => operator.connections().open <= 9 + 1 + 4, "no watch left behind");
	console.log(`${batch * batches} random resources (seed ${seed}): ${JSON.stringify(seen)}`);
	for (const count of Object.values(seen)) expect(count).toBeGreaterThan((batch * batches) / 50);
});

/** Creates the resources and a Secret for half of the names that they refer to. @returns what was taken */
async function createAll(
	client: KubernetesClient,
	namespace: string,
	given: readonly RandomFederation[],
	number: number,
): Promise<Observed<FederationObject>[]> {
	const attempts = given.map(async ({ name, spec }, index) => {
		const ours = name === "example" || name === "a-1" ? `r-${number}-${index}` : name;
		const object = { apiVersion: "xmppfed.dev/v1alpha1", kind: "XmppFederation", metadata: { name: ours, namespace } };
		try {
			// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- anything: the API server decides
			const made = await client.create(federations, { ...object, spec } as FederationObject);
			if (index % 2 === 0) await giveSecrets(client, made);
			return made;
		} catch (error) {
			expectClear(error, ours);
			return undefined;
		}
	});
	return (await Promise.all(attempts)).filter((made) => made !== undefined);
}

/** A refusal names every field that is wrong, and what is wrong with it. */
function expectClear(error: unknown, name: string): void {
	if (!(error instanceof ApiError)) throw error;
	expect({ name, status: error.status, error: error.message }).toMatchObject({ status: 422 });
	const causes = error.details.causes ?? [];
	expect(causes.length).toBeGreaterThan(0);
	for (const { field, message } of causes) {
		expect(field).toMatch(/^(spec|metadata\.name|<nil>)/);
		expect(message?.length).toBeGreaterThan(10);
	}
}

async function giveSecrets(client: KubernetesClient, federation: FederationObject): Promise<void> {
	const { namespace = "" } = federation.metadata;
	const { security } = specOf(federation);
	const names = [security?.certificate?.secretName, security?.dialback?.secretRef?.name];
	for (const name of new Set(names.filter((given) => given !== undefined))) {
		const data = { "tls.crt": certificate, "tls.key": key, secret: base64("s".repeat(32)) };
		try {
			await client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, data });
		} catch (error) {
			if (!isAlreadyExists(error)) throw error;
		}
	}
}

/** The spec of a resource that the API server has taken. */
function specOf(federation: FederationObject): XmppFederation["spec"] {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by the API server
	return federation.spec as XmppFederation["spec"];
}

/** The federations once the operator has done or said for each what it can. */
async function settled(
	client: KubernetesClient,
	namespace: string,
	taken: readonly FederationObject[],
): Promise<readonly Observed<FederationObject>[]> {
	const names = new Set(taken.map(({ metadata }) => metadata.name));
	return await eventually(
		async () => {
			const [all, nodes] = await Promise.all([
				client.list(federations, { namespace }),
				client.list(deployments, { namespace }),
			]);
			const made = new Set(nodes.items.map(({ metadata }) => metadata.name));
			const here = all.items.filter(({ metadata }) => names.has(metadata.name));
			const open = here.filter(
				(federation) =>
					!obstacle(federation) &&
					!specOf(federation).nodes.every(({ name }) => made.has(nodeObjectName(federation.metadata.name, name))),
			);
			if (open.length > 0) throw new Error(JSON.stringify(open.slice(0, 2)));
			return here.length === names.size && here.every(({ status }) => status) && here;
		},
		"every federation is reconciled or has a condition that says why not",
		120_000,
	);
}

/** Why a federation is not carried out, in a condition with a message for people. */
function obstacle({ status }: FederationObject): string | undefined {
	const found = status?.conditions.find(
		(entry) =>
			(entry.type === "Accepted" && entry.status === "False") || (entry.type === "Degraded" && entry.status === "True"),
	);
	if (!found) return undefined;
	expect(reasonsNotToBe).toContain(found.reason);
	expect(found.message.length).toBeGreaterThan(20);
	return found.reason;
}

/** Every object belongs to a federation of the batch, so that Kubernetes' garbage collector removes it with that. */
async function expectOwned(client: KubernetesClient, namespace: string, taken: readonly Observed[]): Promise<void> {
	const uids = new Set(taken.map(({ metadata }) => metadata.uid));
	for (const object of await ownedBy(client, namespace)) {
		const owner = controllerOf(object);
		expect({ object: `${object.kind}/${object.metadata.name}`, known: uids.has(owner?.uid ?? "") }).toMatchObject({
			known: true,
		});
		expect(owner?.blockOwnerDeletion).toBe(true);
	}
}

/** All objects of the kinds that the operator makes, but for the Secrets that a user has made. */
async function ownedBy(client: KubernetesClient, namespace: string): Promise<readonly Observed[]> {
	const lists = await Promise.all(ownedKinds.map(async (kind) => (await client.list(kind, { namespace })).items));
	return lists.flat().filter(({ kind, metadata }) => kind !== "Secret" || metadata.labels !== undefined);
}

/** Plays the garbage collector, which a bare API server lacks: removes what is owned by federations that are gone. */
async function collectGarbage(client: KubernetesClient, namespace: string): Promise<void> {
	for (let round = 0; round < 20; round++) {
		const left = (await client.list(federations, { namespace })).items.map(({ metadata }) => metadata.uid);
		const garbage = (await ownedBy(client, namespace)).filter(
			(object) => !left.includes(controllerOf(object)?.uid ?? ""),
		);
		// Something may have been on its way when its federation went; a second look finds it.
		if (garbage.length === 0 && round > 1) return;
		const workers = Array.from({ length: 8 }, async () => {
			for (let object = garbage.pop(); object; object = garbage.pop()) {
				const resource = ownedKinds.find(({ kind }) => kind === object?.kind);
				if (resource) await client.delete(resource, namespace, object.metadata.name);
			}
		});
		await Promise.all(workers);
	}
	throw new Error("objects of deleted federations come back again and again");
}

/**
 * The files of every node are what the project writes, with the resource's values in their places and nothing else: they
 * are compared with those of a plain federation.
 */
async function expectConfigured(client: KubernetesClient, federation: FederationObject): Promise<void> {
	const { name, namespace = "" } = federation.metadata;
	const spec = specOf(federation);
	const labelSelector = `xmppfed.dev/federation=${name}`;
	const files = (await client.list(configMaps, { namespace, labelSelector })).items;
	const plain = plainOf(spec);
	const domains = [...new Set([spec.domain, ...(spec.additionalDomains ?? [])].map((domain) => domain.toLowerCase()))];
	for (const node of spec.nodes) {
		const all = files.filter(({ metadata }) => metadata.labels?.["xmppfed.dev/node"] === node.name);
		// With strategy Live what changes without a restart is in one more.
		const live = all.filter(({ metadata }) => metadata.name.endsWith("-live"));
		expect(live).toHaveLength(spec.rollout?.strategy === "Live" ? 1 : 0);
		const own = all.filter((configMap) => !live.includes(configMap));
		expect(own).toHaveLength(1);
		const router = readConfiguration(file(own[0], "router.cfg.lua"));
		const { host, port = 5269 } = node.upstream ?? spec.upstream;
		const lower = host.toLowerCase();
		const upstream = { host: lower.endsWith(".svc") ? `${lower}.cluster.local` : lower, port };
		expect(router.settings["xmppfed_upstreams"]).toEqual(
			Object.fromEntries(domains.map((domain) => [inUnicode(domain), upstream])),
		);
		expectPlain(router, plain.router, node.name, federation);
		expect(router.hosts).toEqual(plain.router.hosts);
		const isEnabled = node.federation === "Enabled";
		expect("federation.cfg.lua" in (own[0]?.data ?? {})).toBe(isEnabled);
		if (!isEnabled) continue;
		const manager = readConfiguration(file(own[0], "federation.cfg.lua"));
		expectPlain(manager, plain.federation, node.name, federation);
		const [placeholder, component] = plain.federation.hosts;
		expect(manager.hosts).toEqual([
			placeholder,
			...domains.map((domain) => ({ ...component, name: inUnicode(domain) })),
		]);
	}
	if (!spec.resolver?.enabled) return;
	const [resolver] = files.filter(({ metadata }) => metadata.name.startsWith(resolverName(name)));
	expectCorefile(file(resolver, "Corefile"), domains);
}

function file(configMap: ConfigMap | undefined, name: string): string {
	const text = configMap?.data?.[name];
	if (text === undefined) throw new Error(`there is no file ${name}`);
	return text;
}

function inUnicode(domain: string): string {
	return domainToUnicode(domain) || domain;
}

const plainNode = nodeOf(modelled(sample("smallest")).intent);

function nodeOf({ nodes: [node] }: FederationIntent): NodeIntent {
	if (!node) throw new Error("the sample has a node");
	return node;
}

/** Configurations of a federation in which nothing is out of the ordinary, with the modules that the spec asks for. */
function plainOf({ rollout, emailAddresses }: XmppFederation["spec"]) {
	return configurationsOf({
		...plainNode,
		...(rollout?.strategy === "Live" && { strategy: "Live", liveAliases: true }),
		...(emailAddresses && { emailAddresses: true }),
	});
}

function configurationsOf(node: NodeIntent) {
	return {
		router: readConfiguration(routerConfiguration(node)),
		federation: readConfiguration(federationConfiguration(node)),
	};
}

/** All but what is of the node or of the federation is as in the plain configuration. */
function expectPlain(
	read: ReadConfiguration,
	like: ReadConfiguration,
	node: string,
	federation: FederationObject,
): void {
	const { metadata } = federation;
	const drain = ["xmppfed_drain_limit", "s2s_close_timeout"];
	const own = ["xmppfed_node", "xmppfed_links", "xmppfed_link_tls", "xmppfed_upstreams", "xmppfed_limits", ...drain];
	const without = (settings: ReadConfiguration["settings"]) =>
		Object.fromEntries(Object.entries(settings).filter(([setting]) => !own.includes(setting)));
	const { xmppfed_node: name, xmppfed_links: links, xmppfed_link_tls: tls } = read.settings;
	expect(name).toBe(node);
	if (links !== undefined)
		expect(JSON.stringify(links)).toMatch(new RegExp(`^\\{"host":"${metadata.name}-links-[-.a-z0-9]*"`));
	expect(tls).toEqual({
		directory: "/run/xmppfed/link",
		name: `links.${metadata.name}.${metadata.namespace}.xmppfed.invalid`,
	});
	const { incomingStreams, outgoingStreams } = specOf(federation).limits ?? {};
	expect(read.settings["xmppfed_limits"]).toEqual({
		...Object(like.settings["xmppfed_limits"]),
		...(incomingStreams !== undefined && { incomingStreams }),
		...(outgoingStreams !== undefined && { outgoingStreams }),
	});
	const { drainSeconds = 30 } = specOf(federation).rollout ?? {};
	expect(drain.map((setting) => read.settings[setting])).toEqual([drainSeconds, drainSeconds]);
	const [rest, usual] = [without(read.settings), without(like.settings)];
	expect(rest).toEqual(usual);
	const written = like.scripts.map(({ path, argument }) =>
		Object(argument).node === undefined ? { path, argument } : { path, argument: { ...Object(argument), node } },
	);
	expect(read.scripts).toEqual(written);
}

describe("a Corefile", () => {
	test.each(["    import /etc/passwd", '            answer "a" "b"', "        forward . 192.0.2.1", "}\n. {"])(
		"with %j is none of ours",
		(line) => {
			expect(() => expectCorefile(`.:5353 {\n${line}\n}\n`, [])).toThrow("not a line of ours");
		},
	);
});

const name = "[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?";
const corefileLines = [
	"\\.:5353 \\{",
	"\\}",
	"",
	"    (errors|health :8080|ready :8181|forward \\. /etc/resolv\\.conf|\\})",
	"    # [A-Za-z ,:_-]+",
	"    template IN SRV (\\.|_xmpp-server\\._tcp\\.NAME) \\{",
	"    template IN (ANY|A|AAAA) (\\.|NAME) \\{",
	'        answer "\\{\\{ \\.Name \\}\\} 30 IN SRV 0 0 [0-9]{1,5} NAME\\."',
	'        answer "\\{\\{ \\.Name \\}\\} 30 IN (A|AAAA) [0-9a-f.:]+"',
	'        match "\\(\\?i\\)\\^_xmpps?\\??-server\\[\\.\\]_tcp\\[\\.\\]"',
	'        authority "\\{\\{ \\.(Name|Zone) \\}\\} 30 IN SOA [a-z. 0-9]+"',
	"        (rcode NOERROR|fallthrough)",
].map((line) => new RegExp(`^${line.replaceAll("NAME", name)}$`));

/** Every line is one of those that the project writes, and one server block has them all. */
function expectCorefile(text: string, domains: readonly string[]): void {
	for (const line of text.split("\n")) {
		if (!corefileLines.some((form) => form.test(line))) throw new Error(`not a line of ours: ${JSON.stringify(line)}`);
	}
	expect(text.match(/^\.:5353 \{$/gm)).toHaveLength(1);
	expect(text.match(/^\}$/gm)).toHaveLength(1);
	const local = [...text.matchAll(/template IN SRV _xmpp-server\._tcp\.(\S+) \{/g)].map(([, domain]) => domain);
	expect(local).toEqual(domains);
}
