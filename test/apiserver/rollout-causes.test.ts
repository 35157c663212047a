import { describe, expect, test } from "vitest";
import { makeSelfSignedCertificate } from "../../src/controller/self-signed-certificate.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { RequestRecord } from "../../src/kubernetes/requests.ts";
import { deployments, secrets } from "../../src/kubernetes/resources.ts";
import { generatedSecretName, nodeObjectName } from "../../src/model/names.ts";
import { restartReasons } from "../../src/rollout/reasons.ts";
import { base64 } from "../unit/fixtures/federation.ts";
import { startOperator } from "./operator-support.ts";
import { changed, federationName, nodeNames, nodes, type Rollouts, startRollouts } from "./rollout-support.ts";
import { eventually } from "./support.ts";

describe("a roll-out", () => {
	test("for each reason restarts the nodes of the table, after telling why in status and by an Event", async () => {
		const { client, namespace, operator, rollouts } = await startRollouts();
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
			["FederationToggled", nodeNames, () => replaceNode([first, second, { ...third, federation: "Enabled" }])],
			[
				"EnabledNodeAdded",
				[...nodeNames, "gw-3"],
				() =>
					replaceNode([first, second, { ...third, federation: "Enabled" }, { name: "gw-3", federation: "Enabled" }]),
			],
			["EnabledNodeRemoved", nodeNames, () => replaceNode([first, second, { ...third, federation: "Enabled" }])],
			["DomainsChanged", nodeNames, () => rollouts.patch({ spec: { additionalDomains: ["rooms.example.com"] } })],
			[
				"DialbackSecretChanged",
				nodeNames,
				() =>
					client.mergePatch(secrets, namespace, "dialback", { data: { secret: base64("another dialback secret") } }),
			],
			["CertificateChanged", nodeNames, () => nameCertificate(client, namespace, rollouts)],
			[
				"CertificateChanged",
				nodeNames,
				async () => await client.mergePatch(secrets, namespace, "tls", { data: await certificateData() }),
			],
			["ImageChanged", nodeNames, () => rollouts.patch({ spec: { image: "registry.example/gateway:2" } })],
			["RolloutChanged", nodeNames, () => rollouts.patch({ spec: { rollout: { drainSeconds: 45 } } })],
			["Requested", nodeNames, () => rollouts.annotate({ "xmppfed.dev/restart": "2026-01-01T00:00:00Z" })],
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
		expect(told).toMatchObject({
			regarding: { name: federationName, kind: "XmppFederation" },
			related: { kind: "Pod" },
		});
	}, 120_000);

	test("for what an operator finds when it starts restarts the nodes of the table as well", async () => {
		const { client, namespace, operator, rollouts } = await startRollouts();
		let running = operator;
		const steps = [
			{
				reason: "LinkSecretChanged",
				expected: nodeNames,
				// Immutable: whoever wants another one has to make it anew, and the operator must not do so first.
				change: async () => {
					await running.stop();
					const generated = await client.get(secrets, namespace, generatedSecretName(federationName));
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
				expected: nodeNames,
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

	test("tells causes, old and new value, and how far it is, and ends with the last node", async () => {
		const { rollouts } = await startRollouts();
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
					nodes: nodeNames,
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
});

test("what somebody changes in a Deployment by hand is put back with a cause", async () => {
	const { client, namespace, rollouts } = await startRollouts();
	const before = await rollouts.revisions();
	await client.mergePatch(deployments, namespace, nodeObjectName(federationName, "gw-2"), { spec: { replicas: 0 } });
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
