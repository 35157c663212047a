import { afterAll, expect, test } from "vitest";
import { installOperator, OPERATOR_DEPLOYMENT, OPERATOR_NAMESPACE } from "../../deploy/demo/operator.ts";
import { federationReady, type LiveFederation } from "../../deploy/demo/stage.ts";
import { images, useNamespace } from "../lib/cluster/environment.ts";
import { apply, standAlone } from "../lib/cluster/federation.ts";
import { awaitLook, runningPods } from "../lib/cluster/pods.ts";

const stage = useNamespace("upgrade");

afterAll(async () => await installOperator(stage.kubectl, images()));

// What an operator of other code finds and leaves as it is: test/apiserver/upgrade.test.ts, and upgrade.long.test.ts here.
test("an operator that brings a newer gateway image restarts no gateway", async () => {
	const { kubectl, namespace } = stage;
	const name = "kept";
	await apply(kubectl, standAlone(namespace, name));
	await federationReady(kubectl, namespace, name);
	const before = await runningPods(kubectl, namespace, name);
	expect([...before.keys()].toSorted()).toEqual(["gw-1", "gw-2", "gw-3"]);

	await installOperator(kubectl, { ...images(), gateway: "registry.example/gateway:newer" });
	await awaitLook(kubectl, namespace, name, "newer");
	await federationReady(kubectl, namespace, name);
	expect(await runningPods(kubectl, namespace, name)).toEqual(before);
	const live = await kubectl.find<LiveFederation>("xmppfederation", name, namespace);
	expect(live?.status).toMatchObject({ effective: { image: images().gateway, imageFrom: "Operator" } });
	const operator = await kubectl.run([
		"get",
		"deployment",
		OPERATOR_DEPLOYMENT,
		"-n",
		OPERATOR_NAMESPACE,
		"-o",
		"yaml",
	]);
	expect(operator).toContain("registry.example/gateway:newer");
});
