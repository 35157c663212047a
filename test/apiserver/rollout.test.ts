import { randomInt } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { makeSelfSignedCertificate } from "../../src/controller/self-signed-certificate.ts";
import { podLayout } from "../../src/gateway/layout.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { RequestRecord } from "../../src/kubernetes/requests.ts";
import { deployments, secrets } from "../../src/kubernetes/resources.ts";
import { generatedSecretName, nodeObjectName } from "../../src/model/names.ts";
import { restartReasons } from "../../src/rollout/reasons.ts";
import { base64 } from "../unit/fixtures/federation.ts";
import { federation, federations, playKubelet, startOperator } from "./operator-support.ts";
import { Rollouts } from "./rollout-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

/** Long enough for whatever the operator would still do. */
const quiet = 1_200;
const name = "example";
const nodes = [
	{ name: "gw-1", federation: "Enabled" },
	{ name: "gw-2", federation: "Enabled" },
	{ name: "inside" },
] as const;
const all = nodes.map((node) => node.name);

async function setup(spec: Record<string, unknown> = {}) {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const dialback = { secret: base64("the first dialback secret") };
	const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "dialback", namespace }, data: dialback };
	await client.create(secrets, secret);
	const operator = startOperator(namespace);
	const security = { dialback: { secretRef: { name: "dialback" } } };
	await client.create(federations, federation(namespace, name, { nodes, security, ...spec }));
	const rollouts = new Rollouts(client, namespace, name);
	await rollouts.carryThrough();
	return { client, namespace, operator, rollouts };
}

const changed = (before: Awaited<ReturnType<Rollouts["revisions"]>>, after: typeof before) =>
	[...after].filter(([node, { revision }]) => before.get(node)?.revision !== revision).map(([node]) => node);

describe("a roll-out", () => {
	test("for each reason restarts the nodes of the table, after telling why in status and by an Event", async () => {
		const { client, namespace, operator, rollouts } = await setup();
		const nodesNow = async () => (await rollouts.live()).spec["nodes"];
		const [first, second, third] = nodes;
		const replaceNode = (list: readonly object[]) => rollouts.patch({ spec: { nodes: list } });
		const cases: readonly (readonly [keyof typeof restartReasons, readonly string[], () => Promise<unknown>])[] = [
			["PublishedChanged", ["gw-2"], () => replaceNode([first, { ...second, published: false }, third])],
			[
				"PlacementChanged",
				["gw-2"],
				() => replaceNode([first, { ...second, published: false, nodeSelector: { zone: "a" } }, third]),
			],
			[
				"UpstreamChanged",
				["inside"],
				() =>
					replaceNode([
						first,
						{ ...second, published: false, nodeSelector: { zone: "a" } },
						{ ...third, upstream: { host: "other.chat.svc" } },
					]),
			],
			["NodeAdded", ["in-2"], async () => await rollouts.patch({ spec: { nodes: [...nodes, { name: "in-2" }] } })],
		];
		// Back to the plain nodes first: several causes at once are told, too.
		const steps: typeof cases = [
			...cases.slice(0, 3),
			["NodeAdded", ["gw-2", "inside", "in-2"], cases[3]?.[2] ?? nodesNow],
			["NodeRemoved", [], () => replaceNode(nodes)],
			["FederationToggled", all, () => replaceNode([first, second, { ...third, federation: "Enabled" }])],
			[
				"EnabledNodeAdded",
				[...all, "gw-3"],
				() =>
					replaceNode([first, second, { ...third, federation: "Enabled" }, { name: "gw-3", federation: "Enabled" }]),
			],
			["EnabledNodeRemoved", all, () => replaceNode([first, second, { ...third, federation: "Enabled" }])],
			["DomainsChanged", all, () => rollouts.patch({ spec: { additionalDomains: ["rooms.example.com"] } })],
			[
				"DialbackSecretChanged",
				all,
				() =>
					client.mergePatch(secrets, namespace, "dialback", { data: { secret: base64("another dialback secret") } }),
			],
			["CertificateChanged", all, () => nameCertificate(client, namespace, rollouts)],
			[
				"CertificateChanged",
				all,
				async () => await client.mergePatch(secrets, namespace, "tls", { data: await certificateData() }),
			],
			["ImageChanged", all, () => rollouts.patch({ spec: { image: "registry.example/gateway:2" } })],
			["RolloutChanged", all, () => rollouts.patch({ spec: { rollout: { drainSeconds: 45 } } })],
			["Requested", all, () => rollouts.annotate({ "xmppfed.dev/restart": "2026-01-01T00:00:00Z" })],
			["Requested", ["gw-2"], () => rollouts.annotate({ "xmppfed.dev/restart": "gw-2@2026-01-02T00:00:00Z" })],
		];
		for (const [reason, expected, change] of steps) {
			await carriesOut(rollouts, () => operator.requests, { reason, expected, change });
		}
		// Status can be read a moment before the operator knows that it has written it.
		const metrics = await eventually(async () => {
			const lines = (await operator.metrics.registry.metrics()).split("\n");
			return lines.includes(`xmppfed_rollout_duration_seconds_count ${steps.length}`) && lines;
		}, "every roll-out to be counted");
		expect(metrics).toContain('xmppfed_node_restarts_total{reason="ImageChanged"} 3');
		// Related is the pod that goes.
		const [told] = await rollouts.events("PublishedChanged");
		expect(told).toMatchObject({ regarding: { name, kind: "XmppFederation" }, related: { kind: "Pod" } });
	}, 120_000);

	test("for what an operator finds when it starts restarts the nodes of the table as well", async () => {
		const { client, namespace, operator, rollouts } = await setup();
		let running = operator;
		const steps = [
			{
				reason: "LinkSecretChanged",
				expected: all,
				// Immutable: whoever wants another one has to make it anew, and the operator must not do so first.
				change: async () => {
					await running.stop();
					const generated = await client.get(secrets, namespace, generatedSecretName(name));
					if (!generated?.data) throw new Error("there is no generated Secret");
					const { labels, ownerReferences } = generated.metadata;
					const metadata = {
						name: generated.metadata.name,
						namespace,
						...(labels && { labels }),
						...(ownerReferences && { ownerReferences }),
					};
					await client.delete(secrets, namespace, generated.metadata.name);
					const data = { ...generated.data, "link-secret": base64("l".repeat(64)) };
					await client.create(secrets, { ...generated, metadata, data });
					running = startOperator(namespace);
				},
			},
			{
				reason: "OperatorChanged",
				expected: all,
				change: async () => {
					await running.stop();
					running = startOperator(namespace, { clusterDomain: "another.example" });
				},
			},
		] as const;
		for (const step of steps) await carriesOut(rollouts, () => running.requests, step);
		expect((await rollouts.live()).status?.finishedRollouts?.[0]?.causes).toContainEqual(
			expect.objectContaining({
				field: "address of the links Service.host",
				from: expect.stringMatching(/\.svc\.cluster\.local$/),
				to: expect.stringMatching(/\.svc\.another\.example$/),
			}),
		);
	}, 60_000);

	/** Makes a change, and sees its whole roll-out through: who restarted, what was told, and that it was told before. */
	async function carriesOut(
		rollouts: Rollouts,
		requests: () => readonly RequestRecord[],
		{
			reason,
			expected,
			change,
		}: {
			readonly reason: keyof typeof restartReasons;
			readonly expected: readonly string[];
			readonly change: () => Promise<unknown>;
		},
	): Promise<void> {
		const before = await rollouts.revisions();
		const seen = requests();
		const mark = seen.length;
		const earlier = (await rollouts.live()).status?.finishedRollouts?.[0];
		await change();
		await eventually(
			async () =>
				JSON.stringify((await rollouts.live()).status?.finishedRollouts?.[0]) !== JSON.stringify(earlier) ||
				(await rollouts.live()).status?.rollout,
			`${reason}: a roll-out`,
		);
		await rollouts.carryThrough();
		const after = await rollouts.revisions();
		expect([reason, changed(before, after).toSorted()]).toEqual([reason, [...expected].toSorted()]);

		const { status } = await rollouts.live();
		const cause = status?.finishedRollouts?.[0]?.causes.find((entry) => entry.reason === reason);
		const { rule, scope } = restartReasons[reason];
		const scopeNow = scope === "AsAsked" ? (expected.length === 1 ? "Node" : "AllNodes") : scope;
		expect(cause).toMatchObject({ reason, rule, scope: scopeNow });
		expect(status?.rollout).toBeUndefined();
		// Another operator has requests of its own.
		expect(restartsUntold(requests() === seen ? seen.slice(mark) : requests())).toEqual([]);
		for (const node of cause?.nodes ?? []) {
			const told = await rollouts.events(reason);
			expect(told.map(({ note }) => note)).toContainEqual(expect.stringContaining(`Node ${node} `));
		}
	}

	async function nameCertificate(client: KubernetesClient, namespace: string, rollouts: Rollouts): Promise<void> {
		const metadata = { name: "tls", namespace };
		const secret = { apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/tls" };
		await client.create(secrets, { ...secret, data: await certificateData() });
		await rollouts.patch({ spec: { security: { certificate: { secretName: "tls" } } } });
	}

	async function certificateData(): Promise<Record<string, string>> {
		const { certificate, key } = await makeSelfSignedCertificate(["example.com", "rooms.example.com"], new Date());
		return { "tls.crt": certificate, "tls.key": key };
	}

	/** Writes of Deployments before which no status or no Event was written since the one before. */
	function restartsUntold(requests: readonly RequestRecord[]): string[] {
		let told = { status: false, event: false };
		const untold: string[] = [];
		for (const { verb, resource } of requests) {
			if (verb === "apply" && resource === "xmppfederations/status") told = { ...told, status: true };
			if (verb === "create" && resource === "events") told = { ...told, event: true };
			if (resource !== "deployments" || !["apply", "delete"].includes(verb)) continue;
			if (!told.status || !told.event) untold.push(`${verb} after ${JSON.stringify(told)}`);
			told = { status: false, event: false };
		}
		return untold;
	}

	test("tells causes, old and new value, and how far it is, and ends with the last node", async () => {
		const { rollouts } = await setup();
		await rollouts.patch({ spec: { upstream: { host: "xmpp.chat.svc", port: 5270 } } });
		const half = await eventually(async () => (await rollouts.live()).status?.rollout, "a roll-out");
		expect(half).toMatchObject({
			causes: [
				{
					rule: "R17",
					reason: "UpstreamChanged",
					field: "spec.upstream.port",
					from: "5269",
					to: "5270",
					scope: "Node",
					nodes: all,
				},
			],
			total: 3,
			done: 0,
		});
		const waiting = (await rollouts.live()).status?.nodes.map(({ state }) => state);
		expect(waiting?.filter((state) => state === "Restarting")).toHaveLength(1);
		await rollouts.carryThrough();
		const { status } = await rollouts.live();
		expect(status?.rollout).toBeUndefined();
		expect(status?.finishedRollouts).toMatchObject([{ total: 3, causes: [{ reason: "UpstreamChanged" }] }]);
	});

	test("that is changed in the middle goes to the newest intent, without restarting a node twice for it", async () => {
		const { rollouts } = await setup();
		const before = await rollouts.revisions();
		const port = (value: number) => rollouts.patch({ spec: { upstream: { host: "xmpp.chat.svc", port: value } } });
		await port(5270);
		const half = await eventually(async () => {
			const now = await rollouts.revisions();
			return changed(before, now).length === 1 && now;
		}, "the first restart");
		await port(5271);
		await rollouts.carryThrough();
		const after = await rollouts.revisions();
		expect(changed(half, after).toSorted()).toEqual(all);
		// gw-1 went both ways, the others only to the newest.
		const restarts = [...after].map(([node, { generation }]) => [
			node,
			generation - (before.get(node)?.generation ?? 0),
		]);
		expect(Object.fromEntries(restarts)).toEqual({ "gw-1": 2, "gw-2": 1, inside: 1 });
	});

	/** Of nodes whose pods are given one: each test has its own. */
	function freeAddresses(): ReadonlyMap<string, string> {
		const block = `127.${1 + randomInt(250)}.${randomInt(255)}`;
		return new Map(["gw-1", "gw-2"].map((node, index) => [node, `${block}.${index + 1}`]));
	}

	test("takes the next node when the routers say that the links of those before are up", async () => {
		const { rollouts } = await setup();
		const addresses = freeAddresses();
		let missing = addresses.get("gw-2");
		const link = (address: string) => ({ domain: "example.com", address, state: address === missing ? "Down" : "Up" });
		const links = () => [...addresses.values()].map(link);
		for (const address of addresses.values()) await routerAt(address, () => ({ upstreams: [reached], links: links() }));
		const before = await rollouts.revisions();
		await rollouts.patch({ spec: { rollout: { drainSeconds: 45 } } });
		for (const [node, address] of addresses) {
			await eventually(async () => changed(before, await rollouts.revisions()).includes(node), `${node} restarts`);
			await rollouts.play();
			await rollouts.giveAddress(node, address);
		}
		const state = async () => await rollouts.nodeState("inside");
		await eventually(async () => (await state())?.startsWith("Pending LinksDown"), "it waits for links");
		expect(await state()).toMatch(/waits until the router of node gw-[12] has its links to node gw-2$/);
		await sleep(quiet);
		expect(changed(before, await rollouts.revisions())).toEqual(["gw-1", "gw-2"]);
		missing = undefined;
		await eventually(async () => changed(before, await rollouts.revisions()).includes("inside"), "it restarts");
		await rollouts.carryThrough();
	}, 60_000);

	test("a change that cuts the first node off from the internal server goes no further, until that is mended", async () => {
		const { client, namespace, rollouts } = await setup();
		const addresses = freeAddresses();
		let wrong = false;
		const links = [...addresses.values()].map((address) => ({ domain: "example.com", address, state: "Up" }));
		for (const [node, address] of addresses) {
			const upstream = () =>
				wrong && node === "gw-1" ? { ...reached, reachable: false, failure: "refused" } : reached;
			await routerAt(address, () => ({ upstreams: [upstream()], links }));
			await rollouts.giveAddress(node, address);
		}
		const before = await rollouts.revisions();
		wrong = true;
		await rollouts.patch({ spec: { upstream: { host: "xmpp.chat.svc", port: 5299 } } });
		await eventually(async () => changed(before, await rollouts.revisions()).includes("gw-1"), "gw-1 restarts");
		await playKubelet(client, namespace, "gw-1", true, addresses.get("gw-1"));
		const state = async () => await rollouts.nodeState("gw-2");
		await eventually(async () => (await state())?.startsWith("Pending UpstreamUnreachable"), "gw-2 waits");
		expect(await state()).toContain("waits until the router of node gw-1 reaches its internal server");
		await sleep(quiet);
		expect(changed(before, await rollouts.revisions())).toEqual(["gw-1"]);
		wrong = false;
		await eventually(async () => changed(before, await rollouts.revisions()).includes("gw-2"), "gw-2 restarts");
		await playKubelet(client, namespace, "gw-2", true, addresses.get("gw-2"));
		await rollouts.carryThrough();
	}, 60_000);

	const reached = { domain: "example.com", reachable: true };

	/** Stands for a router, which cannot run here: only what it says. */
	async function routerAt(address: string, status: () => object): Promise<void> {
		const server = createServer((_request, response) => void response.end(JSON.stringify(status())));
		await new Promise<void>((resolve) => {
			server.listen(podLayout.routerHttpPort, address, resolve);
		});
		onTestFinished(() => void server.close());
	}

	test("goes on after the operator is killed at each of its writes, and no restart is repeated", async () => {
		const { namespace, operator, rollouts } = await setup();
		await operator.stop();
		const before = await rollouts.revisions();
		await rollouts.patch({ spec: { rollout: { drainSeconds: 45 } } });
		let lives = 0;
		const isOver = async () => {
			const { status, metadata } = await rollouts.live();
			const progressing = status?.conditions.find(({ type }) => type === "Progressing");
			return (
				progressing?.reason === "Complete" &&
				JSON.stringify(progressing).includes(`"observedGeneration":${metadata.generation}`) &&
				!status?.rollout
			);
		};
		while (!(await isOver())) {
			expect(++lives).toBeLessThan(60);
			const killed = Promise.withResolvers<void>();
			const life = startOperator(
				namespace,
				{},
				{
					beforeWrite: () => {
						// A write may be asked about more than once: those that were answered count.
						if (!life.writes().some(({ resource, status }) => resource !== "events" && status > 0)) return;
						killed.resolve();
						throw new Error("killed");
					},
				},
			);
			// One that has nothing to write waits for the cluster.
			await Promise.race([killed.promise, sleep(quiet)]);
			await life.stop();
			await rollouts.play();
		}
		expect(lives).toBeGreaterThan(10);
		const after = await rollouts.revisions();
		for (const node of all) {
			expect((after.get(node)?.generation ?? 0) - (before.get(node)?.generation ?? 0)).toBe(1);
			expect(after.get(node)?.revision).not.toBe(before.get(node)?.revision);
		}
		expect((await rollouts.live()).status?.finishedRollouts?.[0]).toMatchObject({
			total: 3,
			causes: [{ reason: "RolloutChanged", from: "30", to: "45", nodes: all }],
		});
	}, 120_000);
});

describe("annotations", () => {
	test("paused: nothing restarts or goes; the plan is shown; it goes on when the annotation is taken back", async () => {
		const { rollouts } = await setup();
		const before = await rollouts.revisions();
		await rollouts.annotate({ "xmppfed.dev/paused": "true" });
		await rollouts.patch({ spec: { image: "registry.example/gateway:2", nodes: nodes.slice(0, 2) } });
		await eventually(async () => await rollouts.is("Progressing", "False Paused"), "Paused");
		await sleep(quiet);
		expect(await rollouts.revisions()).toEqual(before);
		const { status } = await rollouts.live();
		expect(status?.nodes.map(({ state, reason }) => `${state} ${reason}`)).toEqual(Array(3).fill("Pending Paused"));
		expect(status?.rollout).toMatchObject({
			total: 3,
			done: 0,
			causes: [
				{ reason: "ImageChanged", nodes: ["gw-1", "gw-2"] },
				{ reason: "NodeRemoved", nodes: ["inside"] },
			],
		});
		await rollouts.annotate({ "xmppfed.dev/paused": null });
		await rollouts.carryThrough();
		expect([...(await rollouts.revisions()).keys()]).toEqual(["gw-1", "gw-2"]);
		expect(changed(before, await rollouts.revisions())).toEqual(["gw-1", "gw-2"]);
	});

	test("paused: domains that are changed and changed back restart nothing, with a certificate of our own as well", async () => {
		const { client, namespace, rollouts } = await setup();
		const before = await rollouts.revisions();
		const certificates = async () =>
			(await client.list(secrets, { namespace })).items
				.map(({ metadata }) => metadata.name)
				.filter((secret) => secret.startsWith(`${name}-self-signed-`));
		const [first] = await certificates();
		await rollouts.annotate({ "xmppfed.dev/paused": "true" });
		await rollouts.patch({ spec: { additionalDomains: ["rooms.example.com"] } });
		await eventually(async () => await rollouts.is("Progressing", "False Paused"), "Paused");
		await eventually(async () => (await certificates()).length === 1 && (await certificates())[0] !== first, "another");
		await rollouts.patch({ spec: { additionalDomains: null } });
		await eventually(async () => (await certificates()).join() === first, "the first certificate again");
		await rollouts.annotate({ "xmppfed.dev/paused": null });
		await rollouts.carryThrough();
		expect(await rollouts.revisions()).toEqual(before);
	});

	test("allow-outage: the last Enabled node stays until its generation is named", async () => {
		const { rollouts } = await setup();
		const before = await rollouts.revisions();
		await rollouts.patch({ spec: { nodes: all.map((node) => ({ name: node })) } });
		await eventually(async () => await rollouts.is("Progressing", "False WouldLeaveNoEnabledNode"), "blocked");
		const { generation = 0 } = (await rollouts.live()).metadata;
		await rollouts.annotate({ "xmppfed.dev/allow-outage": String(generation - 1) });
		await sleep(quiet);
		expect(await rollouts.revisions()).toEqual(before);
		const { status } = await rollouts.live();
		expect(status?.nodes.map(({ state, reason }) => `${state} ${reason}`)).toEqual(
			Array(3).fill("Blocked WouldLeaveNoEnabledNode"),
		);
		expect(status?.nodes[0]?.message).toContain(`xmppfed.dev/allow-outage: "${generation}"`);
		expect(await rollouts.events("WouldLeaveNoEnabledNode")).toHaveLength(1);
		await rollouts.annotate({ "xmppfed.dev/allow-outage": String(generation) });
		await rollouts.carryThrough();
		expect(changed(before, await rollouts.revisions())).toEqual(all);
		expect(await rollouts.is("Ready", "True NoEnabledNode")).toBe(true);
	});

	test("restart: taking it back, or asking for another node, restarts nothing again", async () => {
		const { rollouts } = await setup();
		const before = await rollouts.revisions();
		await rollouts.annotate({ "xmppfed.dev/restart": "gw-1@2026-01-01T00:00:00Z" });
		await eventually(async () => changed(before, await rollouts.revisions()).join() === "gw-1", "gw-1");
		await rollouts.carryThrough();
		const once = await rollouts.revisions();
		for (const restart of ["gw-1@2025-01-01T00:00:00Z", "gw-1@2026-01-01T01:00:00+01:00", null]) {
			await rollouts.annotate({ "xmppfed.dev/restart": restart });
			await sleep(quiet / 2);
			expect(changed(once, await rollouts.revisions())).toEqual([]);
		}
		await rollouts.annotate({ "xmppfed.dev/restart": "inside@2026-01-01T00:00:00Z" });
		await eventually(async () => changed(once, await rollouts.revisions()).join() === "inside", "inside");
		await rollouts.carryThrough();
		expect(changed(once, await rollouts.revisions())).toEqual(["inside"]);
	});

	test("restart: asking for a second node before the first had its turn takes nothing from the first", async () => {
		const { rollouts } = await setup();
		const before = await rollouts.revisions();
		await rollouts.annotate({ "xmppfed.dev/paused": "true", "xmppfed.dev/restart": "gw-1@2026-01-01T00:00:00Z" });
		await eventually(async () => (await rollouts.nodeState("gw-1"))?.startsWith("Pending Paused"), "gw-1 waits");
		const both = "gw-1@2026-01-01T00:00:00Z,inside@2026-01-01T00:01:00Z";
		await rollouts.annotate({ "xmppfed.dev/paused": null, "xmppfed.dev/restart": both });
		await eventually(async () => changed(before, await rollouts.revisions()).length > 0, "the first");
		await rollouts.carryThrough();
		expect(changed(before, await rollouts.revisions())).toEqual(["gw-1", "inside"]);
		expect((await rollouts.live()).status?.finishedRollouts?.[0]?.causes).toMatchObject([
			{ reason: "Requested", scope: "Node", nodes: ["gw-1"] },
			{ reason: "Requested", scope: "Node", nodes: ["inside"] },
		]);
	});

	test("that cannot be read are told by Event and condition, and restart nothing", async () => {
		const { rollouts } = await setup();
		const before = await rollouts.revisions();
		await rollouts.annotate({ "xmppfed.dev/restart": "gw-9@2026-01-01T00:00:00Z" });
		await eventually(async () => await rollouts.is("Degraded", "True InvalidAnnotation"), "Degraded");
		expect(await rollouts.is("Accepted", "True Accepted")).toBe(true);
		const message = (await rollouts.live()).status?.conditions.find(({ type }) => type === "Degraded")?.message;
		expect(message).toBe(
			'metadata.annotations[xmppfed.dev/restart]: there is no node "gw-9" in spec.nodes. Nothing is restarted for it. ' +
				"If the node was removed, take it out of the annotation.",
		);
		const told = await eventually(async () => (await rollouts.events("InvalidAnnotation"))[0], "an Event");
		expect(told).toMatchObject({ type: "Warning", regarding: { name } });
		await sleep(quiet);
		expect(changed(before, await rollouts.revisions())).toEqual([]);
		await rollouts.annotate({ "xmppfed.dev/restart": null });
		await eventually(async () => await rollouts.is("Degraded", "False AsExpected"), "mended");
	});
});

test("what somebody changes in a Deployment by hand is put back with a cause", async () => {
	const { client, namespace, rollouts } = await setup();
	const before = await rollouts.revisions();
	await client.mergePatch(deployments, namespace, nodeObjectName(name, "gw-2"), { spec: { replicas: 0 } });
	const told = await eventually(async () => {
		// The Deployment controller takes note of the change.
		await rollouts.play();
		return (await rollouts.events("Drifted"))[0];
	}, "an Event");
	expect(told.note).toBe(
		"Node gw-2 restarts: Deployment of node gw-2: Somebody changed the node's Deployment by hand: it is put back (R15).",
	);
	await rollouts.carryThrough();
	expect((await rollouts.live()).status?.finishedRollouts?.[0]?.causes).toMatchObject([
		{ reason: "Drifted", nodes: ["gw-2"] },
	]);
	expect(changed(before, await rollouts.revisions())).toEqual([]);
});
