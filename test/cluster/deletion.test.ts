import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import type { Kubectl, KubernetesObject } from "../../deploy/demo/kubectl.ts";
import { OPERATOR_DEPLOYMENT, OPERATOR_NAMESPACE } from "../../deploy/demo/operator.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { useNamespace } from "../lib/cluster/environment.ts";
import { apply, standAlone } from "../lib/cluster/federation.ts";
import type { StandAloneName } from "../lib/cluster/upstream.ts";

const stage = useNamespace("deletion");

afterAll(async () => await scaleOperator(stage.kubectl, 2));

test("kubectl delete xf leaves nothing, and the namespace's other objects alone", async () => {
	const { kubectl, namespace } = stage;
	await makeFederation(kubectl, "with-operator");
	await apply(kubectl, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "bystander", namespace } });
	await kubectl.delete("xmppfederation", "with-operator", namespace);
	expect(await leftOver(kubectl, "with-operator")).toEqual([]);
	expect(await kubectl.find("configmap", "bystander", namespace)).toBeDefined();
});

test("kubectl delete xf leaves nothing while the operator is stopped", async () => {
	const { kubectl, namespace } = stage;
	await makeFederation(kubectl, "without-operator");
	await scaleOperator(kubectl, 0);
	// Without a finalizer the command returns at once; with one it would wait for an operator that is not there.
	await kubectl.delete("xmppfederation", "without-operator", namespace, "--timeout=20s");
	expect(await leftOver(kubectl, "without-operator")).toEqual([]);
});

async function makeFederation(kubectl: Kubectl, name: StandAloneName): Promise<void> {
	const { namespace } = stage;
	await apply(kubectl, standAlone(namespace, name, { resolver: { enabled: true } }));
	await federationReady(kubectl, namespace, name);
	const kinds = new Set((await remains(kubectl, name)).map((object) => object.split("/")[0]));
	for (const kind of ["ConfigMap", "Deployment", "Pod", "PodDisruptionBudget", "Secret", "Service"]) {
		expect(kinds, "what a federation is made of").toContain(kind);
	}
}

/** What is left of a federation once nothing changes any more, or after a minute and a half. */
async function leftOver(kubectl: Kubectl, federation: string): Promise<string[]> {
	const deadline = Date.now() + 90_000;
	for (;;) {
		const left = await remains(kubectl, federation);
		if (left.length === 0 || Date.now() > deadline) return left;
		await sleep(2_000);
	}
}

/** Objects of every namespaced kind, as KIND/NAME, that have the federation's label or lead to it by their owners. */
async function remains(kubectl: Kubectl, federation: string): Promise<string[]> {
	const kinds = (await kubectl.run(["api-resources", "--verbs=list", "--namespaced", "-o", "name"])).trim().split("\n");
	// Events are a record of what was, and expire by themselves.
	const lasting = kinds.filter((kind) => !kind.startsWith("events") && !kind.endsWith(".metrics.k8s.io"));
	const objects = await kubectl.list<KubernetesObject>(lasting.join(","), stage.namespace);
	const ours = new Set([federation]);
	const belongs = ({ metadata }: KubernetesObject) =>
		metadata.labels?.["xmppfed.dev/federation"] === federation ||
		metadata.ownerReferences?.some(({ name }) => ours.has(name)) === true;
	// A ReplicaSet is owned by a Deployment, its Pod by the ReplicaSet: as many rounds as owners stand in a row.
	for (let round = 0; round < 3; round++)
		for (const object of objects) if (belongs(object)) ours.add(object.metadata.name);
	return objects.filter(belongs).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
}

async function scaleOperator(kubectl: Kubectl, replicas: number): Promise<void> {
	const deployment = ["deployment", OPERATOR_DEPLOYMENT, "-n", OPERATOR_NAMESPACE];
	await kubectl.run(["scale", ...deployment, `--replicas=${replicas}`]);
	if (replicas > 0) {
		await kubectl.run(["rollout", "status", ...deployment, "--timeout=120s"]);
		return;
	}
	const selector = `app.kubernetes.io/name=${OPERATOR_DEPLOYMENT}`;
	await kubectl.run(["wait", "--for=delete", "pods", "-n", OPERATOR_NAMESPACE, "-l", selector, "--timeout=60s"]);
}
