import { expect, test } from "vitest";
import type { KubernetesObject } from "../../deploy/demo/kubectl.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { makeSelfSignedCertificate } from "../../src/controller/self-signed-certificate.ts";
import { nodeObjectName, publicServiceName } from "../../src/model/names.ts";
import { useNamespace } from "../lib/cluster/environment.ts";
import { apply, condition, standAlone } from "../lib/cluster/federation.ts";

const stage = useNamespace("bad-input");
const oneNode = { nodes: [{ name: "gw-1", federation: "Enabled" as const }] };

test.for([
	{
		what: "two nodes of one name",
		changes: { nodes: [{ name: "gw-1" }, { name: "gw-1" }] },
		says: /spec\.nodes\[1\].*Duplicate value.*gw-1/s,
	},
	{ what: "a domain that is no domain", changes: { domain: "not a domain" }, says: /spec\.domain.*example\.com/s },
])("refused when applied: $what", async ({ changes, says }) => {
	await expect(apply(stage.kubectl, standAlone(stage.namespace, "refused", changes))).rejects.toThrow(says);
	expect(await stage.kubectl.find("xmppfederation", "refused", stage.namespace)).toBeUndefined();
});

test("an upstream that cannot be reached: Degraded names the field, the address and what to check", async () => {
	const { kubectl, namespace } = stage;
	const name = "no-upstream";
	await apply(
		kubectl,
		standAlone(namespace, name, { ...oneNode, upstream: { host: "missing.example.lab", port: 5300 } }),
	);
	const { message } = await condition(kubectl, { namespace, name }, "Degraded", {
		status: "True",
		reason: "UpstreamUnreachable",
	});
	expect(message).toContain("spec.upstream");
	expect(message).toContain("missing.example.lab:5300");
	expect(message).toMatch(/Check that host and port/);
});

test("a Secret that is missing, then is there: nothing starts before, everything after", async () => {
	const { kubectl, namespace } = stage;
	const name = "missing-secret";
	const security = { certificate: { secretName: "late-tls" } };
	await apply(kubectl, standAlone(namespace, name, { ...oneNode, security }));
	const { message } = await condition(kubectl, { namespace, name }, "Accepted", {
		status: "False",
		reason: "SecretNotFound",
	});
	expect(message).toContain("spec.security.certificate.secretName");
	expect(message).toContain("late-tls");
	expect(await kubectl.find("deployment", nodeObjectName(name, "gw-1"), namespace)).toBeUndefined();

	const { certificate, key } = await makeSelfSignedCertificate([`${name}.lab`], new Date());
	await kubectl.apply(tlsSecret("late-tls", { "tls.crt": certificate, "tls.key": key }));
	await federationReady(kubectl, namespace, name);
	await condition(kubectl, { namespace, name }, "CertificateValid", { status: "False", reason: "SelfSigned" });
});

test("a Secret that holds no certificate, while others go on; what ran still runs", async () => {
	const { kubectl, namespace } = stage;
	const name = "wrong-secret";
	const { certificate, key } = await makeSelfSignedCertificate([`${name}.lab`], new Date());
	await kubectl.apply(tlsSecret("good-tls", { "tls.crt": certificate, "tls.key": key }));
	await kubectl.apply(tlsSecret("wrong-tls", { "tls.crt": base64("no certificate"), "tls.key": key }));
	const good = standAlone(namespace, name, { ...oneNode, security: { certificate: { secretName: "good-tls" } } });
	await apply(kubectl, good);
	await federationReady(kubectl, namespace, name);
	const before = await kubectl.find("deployment", nodeObjectName(name, "gw-1"), namespace);

	await apply(kubectl, { ...good, spec: { ...good.spec, security: { certificate: { secretName: "wrong-tls" } } } });
	const { message } = await condition(kubectl, { namespace, name }, "Accepted", {
		status: "False",
		reason: "SecretInvalid",
	});
	expect(message).toContain("spec.security.certificate.secretName");
	expect(message).toContain("tls.crt");
	expect(message).not.toContain("no certificate\n");
	const after = await kubectl.find("deployment", nodeObjectName(name, "gw-1"), namespace);
	expect(after?.metadata.generation).toBe(before?.metadata.generation);

	const other = "unharmed";
	await apply(kubectl, standAlone(namespace, other, oneNode));
	await federationReady(kubectl, namespace, other);
});

test("a Service of our name that belongs to somebody else is not touched; without it all is well", async () => {
	const { kubectl, namespace } = stage;
	const name = "conflict";
	const foreign = {
		apiVersion: "v1",
		kind: "Service",
		metadata: { name: publicServiceName(name), namespace, labels: { team: "others" } },
		spec: { selector: { app: "others" }, ports: [{ name: "http", port: 80 }] },
	};
	await apply(kubectl, foreign);
	const before = await kubectl.find("service", foreign.metadata.name, namespace);
	await apply(kubectl, standAlone(namespace, name, oneNode));
	await conflictWith(name, foreign.metadata.name);
	expect(await kubectl.find("service", foreign.metadata.name, namespace)).toEqual(before);

	// The remedy works.
	await kubectl.delete("service", foreign.metadata.name, namespace);
	await federationReady(kubectl, namespace, name);
	const after = await kubectl.find("service", foreign.metadata.name, namespace);
	expect(after?.metadata.ownerReferences?.[0]).toMatchObject({ kind: "XmppFederation", name });
});

test("a ConfigMap of our name that belongs to somebody else is not touched", async () => {
	const { kubectl, namespace } = stage;
	const name = "conflict-2";
	const resource = standAlone(namespace, name, { ...oneNode, resolver: { enabled: true } });
	await apply(kubectl, resource);
	await federationReady(kubectl, namespace, name);
	// The resolver's configuration is named by its content, so the next federation of that name wants the same one.
	const selector = `xmppfed.dev/federation=${name},xmppfed.dev/role=resolver`;
	const [configuration] = await kubectl.list("configmaps", namespace, selector);
	const configMap = configuration?.metadata.name ?? "";
	await kubectl.delete("xmppfederation", name, namespace, "--cascade=foreground");
	const foreign = {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name: configMap, namespace },
		data: { its: "own" },
	};
	await apply(kubectl, foreign);
	const before = await kubectl.find("configmap", configMap, namespace);
	expect(before).toBeDefined();

	await apply(kubectl, resource);
	await conflictWith(name, configMap);
	expect(await kubectl.find("configmap", configMap, namespace)).toEqual(before);
});

/** Waits until a federation says that an object of that name is not its own, and what to do. */
async function conflictWith(federation: string, object: string): Promise<void> {
	const { kubectl, namespace } = stage;
	const wanted = { status: "True", reason: "ObjectConflict" };
	const { message } = await condition(kubectl, { namespace, name: federation }, "Degraded", wanted);
	expect(message).toContain(object);
	expect(message).toMatch(/rename|remove|delete/i);
}

function tlsSecret(name: string, data: Readonly<Record<string, string>>): KubernetesObject {
	const metadata = { name, namespace: stage.namespace };
	return { apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/tls", data } as KubernetesObject;
}

function base64(text: string): string {
	return Buffer.from(text, "utf8").toString("base64");
}
