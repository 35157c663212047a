import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, inject, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../src/kubernetes/connection.ts";
import { configMaps, secrets } from "../../src/kubernetes/resources.ts";
import { nodeLabel } from "../../src/objects/labels.ts";
import { issue } from "../lib/issued-certificates.ts";
import { base64 } from "../unit/fixtures/federation.ts";
import { installCertManagerCrd, removeCertManagerCrd, StandInIssuer } from "./cert-manager.ts";
import {
	condition,
	federation,
	federations,
	impatient,
	ownedObjects,
	revisionOf,
	startOperator,
} from "./operator-support.ts";
import { Rollouts } from "./rollout-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

const name = "example";
const field = "spec.security.certificate";

async function setup() {
	const client = testClient();
	const namespace = await freshNamespace(client);
	return { client, namespace, rollouts: new Rollouts(client, namespace, name) };
}

/** Waits until a condition says this. @returns its message */
async function says(client: KubernetesClient, namespace: string, type: string, text: string): Promise<string> {
	const found = await eventually(async () => {
		const now = await condition(client, namespace, name, type);
		if (now?.text !== text) throw new Error(JSON.stringify(now));
		return now;
	}, `${type} ${text}`);
	return found.message;
}

/** Certificates that the nodes' pods are given, base64. */
async function mounted(client: KubernetesClient, namespace: string): Promise<ReadonlySet<string>> {
	const { items } = await client.list(secrets, { namespace, labelSelector: nodeLabel });
	return new Set(items.map(({ data }) => data?.["tls.crt"] ?? ""));
}

test("what time does to a certificate is told when it happens", async () => {
	const { client, namespace } = await setup();
	const operator = startOperator(namespace);
	const second = 1000;
	// Two thirds of its time are over in 3 s: from then on it is about to expire, 4 s later it has.
	const [notBefore, notAfter] = [new Date(Date.now() - 5 * second), new Date(Date.now() + 7 * second)];
	const issuer = await issue({ subject: "CN=Issuer", ca: true });
	const { certificate, key } = await issue({ issuer, notBefore, notAfter });
	const data = { "tls.crt": base64(certificate), "tls.key": base64(key) };
	const metadata = { name: "tls", namespace };
	await client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/tls", data });
	await client.create(federations, federation(namespace, name, { security: { certificate: { secretName: "tls" } } }));
	await says(client, namespace, "CertificateValid", "True ExpiresSoon");
	// The answer to the write that said so is recorded a moment later than it is seen.
	await sleep(second);
	const mark = operator.writes().length;
	await says(client, namespace, "CertificateValid", "False Expired");
	expect(Date.now()).toBeGreaterThanOrEqual(notAfter.getTime() - second);
	// One status for what has changed, and no looking again and again
	await sleep(2 * second);
	expect(
		operator
			.writes()
			.slice(mark)
			.filter(({ resource }) => resource !== "events"),
	).toHaveLength(1);
	expect(operator.requests.filter(({ verb }) => verb === "get")).toEqual([]);
	const metrics = await operator.metrics.registry.getSingleMetricAsString("xmppfed_certificate_days_left");
	expect(metrics).toMatch(
		new RegExp(`xmppfed_certificate_days_left{namespace="${namespace}",federation="${name}"} -0\\.`),
	);
	expect(await operator.metrics.registry.getSingleMetricAsString("xmppfed_federation_condition")).toContain(
		`{namespace="${namespace}",federation="${name}",condition="CertificateValid",status="False",reason="Expired"} 1`,
	);
});

describe("a certificate of cert-manager (its CRD and issuer are stand-ins)", () => {
	const security = { certificate: { issuerRef: { name: "public", kind: "ClusterIssuer" } } };

	afterAll(async () => {
		// Other files run on the same control plane.
		const client = new KubernetesClient(loadKubeConfig({ kubeconfig: inject("kubeconfig") }));
		await removeCertManagerCrd(client);
		await client.close();
	});

	test("needs cert-manager, which is said once, stops nobody else and is taken up when it comes", async () => {
		const { client, namespace, rollouts } = await setup();
		const operator = startOperator(namespace, {}, { timing: impatient });
		await client.create(federations, federation(namespace, name, { security }));
		await client.create(federations, federation(namespace, "other"));
		const message = await says(client, namespace, "Accepted", "False CertManagerMissing");
		expect(message).toMatch(
			new RegExp(`^${field.replaceAll(".", "\\.")}\\.issuerRef: .*Install cert-manager, or name a Secret`),
		);
		await eventually(
			async () => (await condition(client, namespace, "other", "Accepted"))?.text === "True Accepted",
			"the other one",
		);
		await sleep(1_000);
		expect(operator.requests.filter(({ verb, resource }) => verb === "watch" && resource === "certificates")).toEqual(
			[],
		);
		expect(
			operator.records
				.filter((record) => Number(record["level"]) >= 40 && record["federation"] !== "other")
				.map(({ msg }) => msg),
		).toEqual([expect.stringContaining("Install cert-manager")]);

		await installCertManagerCrd(client);
		await rollouts.annotate({ look: "again" });
		const issuer = await StandInIssuer.start(client, namespace);
		const { spec, metadata } = await eventually(async () => await issuer.certificate(), "a Certificate");
		expect(spec).toEqual({
			secretName: metadata.name,
			dnsNames: ["example.com"],
			usages: ["digital signature", "server auth", "client auth"],
			privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
			issuerRef: { name: "public", kind: "ClusterIssuer", group: "cert-manager.io" },
		});
		expect(metadata.ownerReferences).toMatchObject([{ kind: "XmppFederation", name, controller: true }]);
	});

	test("is waited for with the words of cert-manager, renewed, and given back", async () => {
		const { client, namespace, rollouts } = await setup();
		await installCertManagerCrd(client);
		startOperator(namespace);
		const issuer = await StandInIssuer.start(client, namespace);
		await client.create(federations, federation(namespace, name, { security }));
		await eventually(async () => await issuer.certificate(), "a Certificate");
		await issuer.say(
			"False",
			"DoesNotExist",
			'Issuing certificate as Secret does not exist: ClusterIssuer "public" not found',
		);
		await eventually(async () => {
			const { message } = (await condition(client, namespace, name, "Accepted")) ?? {};
			return message?.includes(
				'cert-manager says DoesNotExist: Issuing certificate as Secret does not exist: ClusterIssuer "public" not found.',
			);
		}, "the words of cert-manager");
		expect(await revisionOf(client, namespace, "gw-1")).toBeUndefined();

		await issuer.issue();
		await says(client, namespace, "Accepted", "True Accepted");
		await rollouts.carryThrough();
		// The issuer's root is no public one.
		await says(client, namespace, "CertificateValid", "True UnknownAuthority");
		const [first] = await mounted(client, namespace);
		expect((await rollouts.live()).status).toMatchObject({ effective: { certificate: "Issued" } });

		// Another domain: the nodes wait for the certificate, and restart once.
		await rollouts.patch({ spec: { additionalDomains: ["conference.example.com"] } });
		expect(await says(client, namespace, "Accepted", "False CertificateNotIssued")).toContain(
			"The one before lacks names",
		);
		await eventually(
			async () => (await issuer.certificate())?.spec.dnsNames.length === 2,
			"the names in the Certificate",
		);
		expect([...(await mounted(client, namespace))]).toEqual([first]);
		await issuer.issue();
		await eventually(
			async () => !(await mounted(client, namespace)).has(first ?? "") || (await rollouts.play()),
			"a restart",
		);
		await rollouts.carryThrough();
		const { finishedRollouts } = (await rollouts.live()).status ?? {};
		expect(finishedRollouts?.map(({ causes }) => causes.map(({ reason }) => reason).toSorted())).toEqual([
			["CertificateChanged", "DomainsChanged"],
		]);

		// A renewal restarts by what was issued alone.
		await issuer.issue();
		await eventually(async () => (await rollouts.live()).status?.rollout, "a roll-out");
		await rollouts.carryThrough();
		expect((await rollouts.live()).status?.finishedRollouts?.[0]?.causes.map(({ reason }) => reason)).toEqual([
			"CertificateChanged",
		]);

		await rollouts.patch({ spec: { security: null } });
		await eventually(async () => !(await issuer.certificate()), "the Certificate to be taken back");
		await rollouts.carryThrough();
		await says(client, namespace, "CertificateValid", "False SelfSigned");
		expect((await ownedObjects(client, namespace, name)).length).toBeGreaterThan(0);
	});
});

describe("trusted authorities", () => {
	const configMap = (namespace: string, text: string) => ({
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name: "partners", namespace },
		data: { "ca.crt": text },
	});

	test("are taken from a ConfigMap; one that breaks is named and leaves what runs", async () => {
		const { client, namespace, rollouts } = await setup();
		startOperator(namespace);
		const security = { trustedCAs: { configMapRef: { name: "partners" }, systemRoots: false } };
		await client.create(federations, federation(namespace, name, { security }));
		expect(await says(client, namespace, "Accepted", "False ConfigMapNotFound")).toContain(
			'ConfigMap "partners" does not exist',
		);

		const [partner, other, server] = [
			await issue({ subject: "CN=Partner", ca: true }),
			await issue({ subject: "CN=Other partner", ca: true }),
			await issue({ subject: "CN=Server of the partner" }),
		];
		await client.apply(configMaps, configMap(namespace, partner.certificate), { force: true });
		await says(client, namespace, "Accepted", "True Accepted");
		await rollouts.carryThrough();
		expect(await trusted(client, namespace)).toEqual([partner.certificate]);
		const before = await rollouts.revisions();

		await client.apply(configMaps, configMap(namespace, server.certificate), { force: true });
		expect(await says(client, namespace, "Accepted", "False ConfigMapInvalid")).toMatch(
			/ConfigMap "partners", "ca\.crt": CN=Server of the partner is not the certificate of an authority/,
		);
		await client.delete(configMaps, namespace, "partners");
		await says(client, namespace, "Accepted", "False ConfigMapNotFound");
		expect(await rollouts.revisions()).toEqual(before);

		await client.apply(configMaps, configMap(namespace, partner.certificate + other.certificate), { force: true });
		await says(client, namespace, "Accepted", "True Accepted");
		await rollouts.carryThrough();
		expect(await trusted(client, namespace)).toEqual([partner.certificate + other.certificate]);
		expect((await rollouts.live()).status?.finishedRollouts?.[0]?.causes).toMatchObject([
			{ reason: "TrustedCAsChanged", field: "spec.security.trustedCAs" },
		]);
	});

	/** What the nodes' pods are given of them, each once. */
	async function trusted(client: KubernetesClient, namespace: string): Promise<readonly string[]> {
		const { items } = await client.list(secrets, { namespace, labelSelector: nodeLabel });
		const texts = items.map(({ data }) => Buffer.from(data?.["trusted-authorities.pem"] ?? "", "base64").toString());
		return [...new Set(texts)];
	}
});
