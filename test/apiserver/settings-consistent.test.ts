import { expect, inject, onTestFinished, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { secrets } from "../../src/kubernetes/resources.ts";
import { startControlPlane } from "./control-plane.ts";
import { applyCrds } from "./crds.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

const consistent = async (client: KubernetesClient, namespace: string, expected: string, name = "example") =>
	await eventually(async () => {
		const found = await condition(client, namespace, name, "SettingsConsistent");
		return found?.text === expected && found.message;
	}, `SettingsConsistent of ${namespace}/${name} is ${expected}`);

test("federations of one domain in all namespaces that the operator sees are compared (R14)", async () => {
	const controlPlane = await startControlPlane(inject("binaries"));
	onTestFinished(async () => await controlPlane.stop());
	const { kubeconfig } = controlPlane;
	const client = testClient({}, kubeconfig);
	await applyCrds(client);
	const [east, west] = [await freshNamespace(client), await freshNamespace(client)];
	for (const namespace of [east, west]) {
		const data = { secret: Buffer.from("one secret for both of them").toString("base64") };
		await client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { name: "dialback", namespace }, data });
	}
	startOperator(undefined, {}, { kubeconfig });
	await client.create(federations, federation(east, "example"));
	await client.create(federations, federation(east, "other", { domain: "other.example" }));
	expect(await consistent(client, east, "True OnlyFederation")).toBe(
		"The operator sees no other federation of example.com.",
	);

	// Each makes a dialback secret of its own.
	await client.create(federations, federation(west, "example", { security: { mode: "TLSOptional" } }));
	const fields = "spec.security.mode, spec.security.dialback.secretRef";
	expect(await consistent(client, east, "False FederationsDiffer")).toContain(
		`these have other settings: XmppFederation ${west}/example differs in ${fields}. Give all the same`,
	);
	expect(await consistent(client, west, "False FederationsDiffer")).toContain(`${east}/example differs in ${fields}`);

	const security = { mode: null, dialback: { secretRef: { name: "dialback" } } };
	for (const namespace of [east, west])
		await client.mergePatch(federations, namespace, "example", { spec: { security } });
	expect(await consistent(client, east, "True Same")).toContain(
		`XmppFederation ${west}/example of example.com has the same`,
	);
	expect(await consistent(client, west, "True Same")).toContain(`${east}/example`);
	await consistent(client, east, "True OnlyFederation", "other");

	await client.mergePatch(federations, west, "example", {
		spec: { security: { certificate: { secretName: "missing" } } },
	});
	expect(await consistent(client, east, "Unknown OtherNotAccepted")).toContain(`${west}/example`);
	await client.delete(federations, west, "example");
	await consistent(client, east, "True OnlyFederation");
});
