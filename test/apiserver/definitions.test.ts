import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { customResourceDefinition } from "../../src/api/crd.ts";
import { kinds } from "../../src/api/kinds.ts";
import { xmppFederationKind } from "../../src/api/xmpp-federation.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { freePort } from "../lib/free-port.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { applyCrds, customResourceDefinitions } from "./crds.ts";
import {
	condition,
	federation,
	federations,
	impatient,
	objectCount,
	ownedObjects,
	revisionOf,
	startOperator,
} from "./operator-support.ts";
import { startReplica } from "./replica.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

/** A control plane of this file's own, without definitions at first. Tests follow each other. */
let own: ControlPlane;
beforeAll(async () => {
	own = await startControlPlane(inject("binaries"));
});
afterAll(async () => await own?.stop());

const definition = customResourceDefinition(xmppFederationKind);
const [version] = definition.spec.versions;
const { openAPIV3Schema: schema } = version?.schema ?? { openAPIV3Schema: {} };
const { spec, status } = schema.properties ?? {};

/** The definition of XmppFederation with other fields of status and of spec. */
async function define(client: KubernetesClient, fields: { readonly spec?: object; readonly status?: object }) {
	const changed = {
		...schema,
		properties: {
			...schema.properties,
			...(fields.spec && { spec: { ...spec, properties: fields.spec } }),
			...(fields.status && { status: { ...status, properties: fields.status } }),
		},
	};
	const versions = [{ ...version, schema: { openAPIV3Schema: changed } }];
	await client.apply(
		customResourceDefinitions,
		{ ...definition, spec: { ...definition.spec, versions } },
		{ force: true },
	);
}

test("definitions that are missing, then older: the operator says so, is not ready and waits; with its own it works", async () => {
	const client = testClient({}, own.kubeconfig);
	const namespace = await freshNamespace(client);
	const httpPort = await freePort();
	const args = [`--namespace=${namespace}`, `--leader-election-namespace=${namespace}`];
	const replica = startReplica("operator", { kubeconfig: own.kubeconfig, args, httpPort });
	const isReady = async () => (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).status === 200;

	await eventually(
		() => replica.logged("the operator waits: the CRD xmppfederations.xmppfed.dev is not installed"),
		"log",
	);
	expect(await isReady()).toBe(false);

	const { effective: _later, ...older } = status?.properties ?? {};
	for (const kind of kinds) {
		await client.apply(customResourceDefinitions, customResourceDefinition(kind), { force: true });
	}
	await define(client, { status: older });
	const lack =
		"the operator waits: the CRD xmppfederations.xmppfed.dev is older than it and lacks status.effective. Install";
	await eventually(() => replica.logged(lack), "the field in the log");
	await client.create(federations, federation(namespace, "example"));
	expect(await isReady()).toBe(false);
	expect(await ownedObjects(client, namespace, "example")).toEqual([]);

	await applyCrds(client);
	await eventually(isReady, "readiness");
	await eventually(
		async () => (await ownedObjects(client, namespace, "example")).length === objectCount,
		"all objects",
	);
});

test("after a downgrade of the operator: a stored field that it does not know is named, what runs stays, and the rest works", async () => {
	const client = testClient({}, own.kubeconfig);
	const namespace = await freshNamespace(client);
	await define(client, { spec: { ...spec?.properties, later: { type: "string" } } });
	startOperator(namespace, {}, { kubeconfig: own.kubeconfig, timing: impatient });
	for (const name of ["example", "other"]) await client.create(federations, federation(namespace, name));
	const accepted = async (name: string) => await condition(client, namespace, name, "Accepted");
	await eventually(async () => await revisionOf(client, namespace, "gw-2"), "nodes");
	const before = await ownedObjects(client, namespace, "example");

	const newer = { later: "on", additionalDomains: ["rooms.example.com"] };
	await eventually(
		async () => (await client.mergePatch(federations, namespace, "example", { spec: newer })).spec["later"],
		"the API server to know the newer definition",
	);
	await eventually(async () => (await accepted("example"))?.text === "False InvalidSpec", "refused");
	expect((await accepted("example"))?.message).toContain("spec.later: is not known to this operator");
	expect(await ownedObjects(client, namespace, "example")).toEqual(before);
	const service = { labels: { team: "chat" } };
	await client.mergePatch(federations, namespace, "other", { spec: { service } });
	await eventually(async () => (await accepted("other"))?.text === "True Accepted", "the other federation");

	await client.mergePatch(federations, namespace, "example", { spec: { later: null } });
	await eventually(async () => (await accepted("example"))?.text === "True Accepted", "accepted without the field");
});
