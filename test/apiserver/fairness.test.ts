import { expect, onTestFinished, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";
import { isWrite, type SeenRequest, startApiProxy } from "./api-proxy.ts";
import {
	condition,
	federation,
	federations,
	impatient,
	objectCount,
	ownedObjects,
	startOperator,
} from "./operator-support.ts";
import { grant, installedRules, kubeconfigOf } from "./rights.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

const apiVersion = "flowcontrol.apiserver.k8s.io/v1";
type WithSpec = KubernetesObject & { readonly spec: object };
const flowSchemas: Resource<WithSpec> = { apiVersion, kind: "FlowSchema", plural: "flowschemas", namespaced: false };
const priorityLevels: Resource<WithSpec> = {
	apiVersion,
	kind: "PriorityLevelConfiguration",
	plural: "prioritylevelconfigurations",
	namespaced: false,
};

/**
 * Leaves one seat and no queue for all that the service account `operator` of a namespace asks: the API server itself
 * refuses what comes while another request of it is under way, as it does under load. Until the test ends.
 */
async function leaveOneSeat(client: KubernetesClient, namespace: string): Promise<void> {
	const metadata = { name: namespace };
	onTestFinished(async () => {
		await client.delete(flowSchemas, undefined, namespace);
		await client.delete(priorityLevels, undefined, namespace);
	});
	// No share: a request is still let in where no other runs.
	const limited = { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: { type: "Reject" } };
	await client.create(priorityLevels, {
		apiVersion,
		kind: priorityLevels.kind,
		metadata,
		spec: { type: "Limited", limited },
	});
	const subjects = [{ kind: "ServiceAccount", serviceAccount: { name: "operator", namespace } }];
	const everything = { verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"], clusterScope: true };
	await client.create(flowSchemas, {
		apiVersion,
		kind: flowSchemas.kind,
		metadata,
		spec: {
			matchingPrecedence: 100,
			priorityLevelConfiguration: metadata,
			rules: [{ subjects, resourceRules: [everything] }],
		},
	});
}

/** Requests that came before the time that the API server had asked to wait was over, after its refusal of the same. */
function tooEarly(requests: readonly SeenRequest[], refused: readonly SeenRequest[]): readonly SeenRequest[] {
	// A create does not name what it makes, so two of them may be about two objects.
	const comparable = requests.filter(({ verb }) => verb !== "create");
	return refused.flatMap(({ verb, resource, name, at, retryAfter = 0 }) =>
		comparable.filter(
			(later) =>
				later.verb === verb &&
				later.resource === resource &&
				later.name === name &&
				later.at > at &&
				later.at < at + 1_000 * retryAfter,
		),
	);
}

test("what the API server's priority and fairness refuses is asked for again when it says, until all is made", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await grant(client, namespace, await installedRules());
	await leaveOneSeat(client, namespace);
	const proxy = await startApiProxy(await kubeconfigOf(namespace, "operator"));
	const names = ["a", "b", "c"];
	for (const name of names)
		await client.create(federations, federation(namespace, name, { domain: `${name}.example` }));
	// Caches are filled all at once, and then all three federations.
	startOperator(namespace, {}, { kubeconfig: proxy.kubeconfig, timing: impatient });
	for (const name of names) {
		const complete = async () => (await ownedObjects(client, namespace, name)).length === objectCount;
		await eventually(complete, `all objects of ${name}`, 90_000);
		const accepted = async () => (await condition(client, namespace, name, "Accepted"))?.text === "True Accepted";
		await eventually(accepted, `${name} to be accepted`, 30_000);
	}
	const refused = proxy.requests.filter(({ status }) => status === 429);
	expect(refused.some(({ verb }) => verb === "list")).toBe(true);
	expect(refused.some(isWrite)).toBe(true);
	for (const seen of refused) expect(seen).toMatchObject({ forwarded: true, retryAfter: expect.any(Number) });
	expect(tooEarly(proxy.requests, refused)).toEqual([]);
}, 180_000);
