import { afterAll, expect, inject, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../src/kubernetes/connection.ts";
import { dnsEndpoints, services } from "../../src/kubernetes/resources.ts";
import { publicServiceName } from "../../src/model/names.ts";
import { installDnsEndpointCrd, removeDnsEndpointCrd } from "./dns-endpoints.ts";
import {
	condition,
	federation,
	federations,
	impatient,
	objectCount,
	ownedObjects,
	startOperator,
} from "./operator-support.ts";
import { grant, installedRules, kubeconfigOf, without } from "./rights.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

afterAll(async () => {
	// Other files run on the same control plane.
	const client = new KubernetesClient(loadKubeConfig({ kubeconfig: inject("kubeconfig") }));
	await removeDnsEndpointCrd(client);
	await client.close();
});

const name = "example";
const spec = {
	service: { hostname: "xmpp.example.com" },
	dns: { externalDNS: { enabled: true, labels: { dns: "public" } } },
};

async function setup() {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const degraded = async (text: string) => {
		const found = await eventually(
			async () => {
				const now = await condition(client, namespace, name, "Degraded");
				if (now?.text !== text) throw new Error(JSON.stringify(now));
				return now;
			},
			`Degraded ${text}`,
			40_000,
		);
		return found.message;
	};
	const endpoint = async () => (await client.list(dnsEndpoints, { namespace })).items[0];
	const patch = async (change: object) =>
		await client.mergePatch(federations, namespace, name, { spec: { dns: { externalDNS: change } } });
	/** Without that it is looked at again after 20 s, which external-dns.long.test.ts waits for. */
	const look = async () =>
		await client.mergePatch(federations, namespace, name, { metadata: { annotations: { look: "again" } } });
	return { client, namespace, degraded, endpoint, patch, look };
}

test("without external-dns it is said, all else is done, and it works when external-dns comes", async () => {
	const { client, namespace, degraded, endpoint, patch, look } = await setup();
	const rules = await installedRules();
	await grant(client, namespace, rules);
	const kubeconfig = await kubeconfigOf(namespace, "operator");
	const operator = startOperator(namespace, {}, { kubeconfig, timing: impatient });
	await client.create(federations, federation(namespace, name, spec));
	expect(await degraded("True ExternalDNSMissing")).toMatch(
		/^spec\.dns\.externalDNS: .*Install external-dns with its custom resource definition, or publish status\.dnsRecords yourself/,
	);
	expect(await ownedObjects(client, namespace, name)).toHaveLength(objectCount);
	expect((await condition(client, namespace, name, "Accepted"))?.text).toBe("True Accepted");
	expect(operator.requests.filter(({ verb, resource }) => verb === "watch" && resource === "dnsendpoints")).toEqual([]);

	await installDnsEndpointCrd(client);
	await look();
	await degraded("False AsExpected");
	const made = await eventually(endpoint, "the DNSEndpoint");
	expect(made.metadata.labels).toMatchObject({ dns: "public" });
	const srv = { dnsName: "_xmpp-server._tcp.example.com", recordType: "SRV", recordTTL: 300 };
	expect(made.spec.endpoints).toEqual([{ ...srv, targets: ["0 0 5269 xmpp.example.com."] }]);

	// An address comes, and somebody changes what is there.
	const ingress = { status: { loadBalancer: { ingress: [{ ip: "192.0.2.5" }] } } };
	await client.mergePatch(services, namespace, publicServiceName(name), ingress, { subresource: "status" });
	const address = { dnsName: "xmpp.example.com", recordType: "A", recordTTL: 300, targets: ["192.0.2.5"] };
	const isRight = async () => {
		expect((await endpoint())?.spec.endpoints[1]).toEqual(address);
		return true;
	};
	await eventually(isRight, "the address in it");
	await client.mergePatch(dnsEndpoints, namespace, made.metadata.name, { spec: { endpoints: [] } });
	await eventually(isRight, "it is as it was");

	// It is taken back, also by an operator that did not make it.
	await operator.stop();
	await patch({ enabled: false });
	startOperator(namespace, {}, { kubeconfig, timing: impatient });
	await eventually(async () => !(await endpoint()), "it is taken back");
});

test("the right to it that is missing is named, and all else is done", async () => {
	const { client, namespace, degraded, endpoint, look } = await setup();
	await installDnsEndpointCrd(client);
	const rules = await installedRules();
	await grant(client, namespace, without(rules, "list dnsendpoints"));
	const kubeconfig = await kubeconfigOf(namespace, "operator");
	startOperator(namespace, {}, { kubeconfig, timing: impatient });
	await client.create(federations, federation(namespace, name, spec));
	expect(await degraded("True Forbidden")).toContain(
		`spec.dns.externalDNS: the right to list dnsendpoints in namespace ${namespace} is missing`,
	);
	expect(await ownedObjects(client, namespace, name)).toHaveLength(objectCount);
	await grant(client, namespace, rules);
	await look();
	await degraded("False AsExpected");
	expect(await endpoint()).toBeDefined();
});
