import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { certificates, secrets } from "../../src/kubernetes/resources.ts";
import { type Issued, issue } from "../lib/issued-certificates.ts";
import { base64 } from "../unit/fixtures/federation.ts";
import { customResourceDefinitions, established } from "./crds.ts";

/**
 * Stands for the CRD of cert-manager, which cannot be had here: the name, the version and the fields that the operator
 * writes and reads, checked as cert-manager 1.19 documents them.
 */
const crd = {
	apiVersion: "apiextensions.k8s.io/v1",
	kind: "CustomResourceDefinition",
	metadata: { name: "certificates.cert-manager.io" },
	spec: {
		group: "cert-manager.io",
		scope: "Namespaced",
		names: { kind: "Certificate", listKind: "CertificateList", plural: "certificates", singular: "certificate" },
		versions: [
			{
				name: "v1",
				served: true,
				storage: true,
				subresources: { status: {} },
				schema: {
					openAPIV3Schema: {
						type: "object",
						required: ["spec"],
						properties: {
							spec: {
								type: "object",
								required: ["issuerRef", "secretName"],
								properties: {
									secretName: { type: "string" },
									dnsNames: { type: "array", items: { type: "string" } },
									usages: {
										type: "array",
										items: {
											type: "string",
											enum: ["digital signature", "key encipherment", "server auth", "client auth"],
										},
									},
									privateKey: {
										type: "object",
										properties: {
											algorithm: { type: "string", enum: ["RSA", "ECDSA", "Ed25519"] },
											size: { type: "integer" },
											rotationPolicy: { type: "string", enum: ["Never", "Always"] },
										},
									},
									issuerRef: {
										type: "object",
										required: ["name"],
										properties: { name: { type: "string" }, kind: { type: "string" }, group: { type: "string" } },
									},
								},
							},
							status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
						},
					},
				},
			},
		],
	},
};

export async function installCertManagerCrd(client: KubernetesClient): Promise<void> {
	await client.apply(customResourceDefinitions, crd, { force: true });
	await established(client, crd.metadata.name);
}

export async function removeCertManagerCrd(client: KubernetesClient): Promise<void> {
	await client.delete(customResourceDefinitions, undefined, crd.metadata.name);
}

/** Stands for cert-manager and an issuer: says what a test has it say of a Certificate, and issues it when told to. */
export class StandInIssuer {
	readonly #client: KubernetesClient;
	readonly #namespace: string;
	readonly #authority: Issued;

	static async start(client: KubernetesClient, namespace: string): Promise<StandInIssuer> {
		return new StandInIssuer(client, namespace, await issue({ subject: "CN=Stand-in issuer", ca: true }));
	}

	private constructor(client: KubernetesClient, namespace: string, authority: Issued) {
		this.#client = client;
		this.#namespace = namespace;
		this.#authority = authority;
	}

	/** The Certificate of the namespace, where there is one. */
	async certificate() {
		return (await this.#client.list(certificates, { namespace: this.#namespace })).items[0];
	}

	/** Says something of the Certificate as it is now. */
	async say(status: "True" | "False", reason: string, message: string): Promise<void> {
		const { metadata } = await this.#certificate();
		const condition = { type: "Ready", status, reason, message, observedGeneration: metadata.generation };
		const patch = { status: { conditions: [{ ...condition, lastTransitionTime: new Date().toISOString() }] } };
		await this.#client.mergePatch(certificates, this.#namespace, metadata.name, patch, { subresource: "status" });
	}

	/** Issues what the Certificate asks for, and says so. */
	async issue(): Promise<void> {
		const { spec } = await this.#certificate();
		const { certificate, key } = await issue({ issuer: this.#authority, names: spec.dnsNames });
		const secret = {
			apiVersion: "v1",
			kind: "Secret",
			metadata: { name: spec.secretName, namespace: this.#namespace },
			type: "kubernetes.io/tls",
			data: {
				"tls.crt": base64(certificate),
				"tls.key": base64(key),
				"ca.crt": base64(this.#authority.certificate),
			},
		};
		await this.#client.apply(secrets, secret, { force: true });
		await this.say("True", "Ready", "Certificate is up to date and has not expired");
	}

	async #certificate() {
		const found = await this.certificate();
		if (!found) throw new Error("there is no Certificate");
		return found;
	}
}
