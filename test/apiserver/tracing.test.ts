import { expect, inject, test } from "vitest";
import { secrets } from "../../src/kubernetes/resources.ts";
import { TraceReceiver } from "../lib/trace-receiver.ts";
import { federation, federations } from "./operator-support.ts";
import { startReplica } from "./replica.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

test("an operator that is told where to tells of its reconciles, and no secret", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await using receiver = await TraceReceiver.start();
	const replica = startReplica("operator-1", {
		kubeconfig: inject("kubeconfig"),
		args: [`--namespace=${namespace}`, `--leader-election-namespace=${namespace}`],
		environment: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
	});
	await client.create(federations, federation(namespace, "example"));
	const nodes = async () => (await client.get(federations, namespace, "example"))?.status?.nodes.length;
	await eventually(async () => (await nodes()) === 2, "both nodes in status");
	// What is not sent yet is sent then.
	replica.signal("SIGTERM");
	expect(await replica.ended).toBe(0);
	const spans = receiver.spans();
	const reconciles = spans.filter(({ name }) => name === "reconcile");
	expect(reconciles.map(({ attributes }) => attributes)).toContainEqual({
		"k8s.namespace.name": namespace,
		"xmppfed.federation": "example",
		"xmppfed.outcome": "success",
	});
	// The first makes everything: each stage, with the requests that it makes.
	const [first] = reconciles;
	const below = (parent: string | undefined, name: string) =>
		spans.find((each) => each.parentSpanId === parent && each.name === name);
	for (const stage of ["inputs", "model", "shared objects", "step", "status"]) {
		expect(below(first?.spanId, stage)).toBeDefined();
	}
	expect(below(below(first?.spanId, "shared objects")?.spanId, "apply services")).toBeDefined();
	expect(below(below(first?.spanId, "step")?.spanId, "apply deployments")).toBeDefined();

	const told = receiver.bodies.join();
	const { items } = await client.list(secrets, { namespace });
	const values = items.flatMap(({ data }) => Object.values(data ?? {}));
	expect(values.length).toBeGreaterThan(4);
	for (const value of values) {
		expect(told).not.toContain(value);
		expect(told).not.toContain(Buffer.from(value, "base64").toString());
	}
});
