import type { X509Certificate } from "node:crypto";
import { defaults } from "../api/defaults.ts";
import type { XmppFederation } from "../api/xmpp-federation.ts";
import {
	type CertificateFacts,
	inspectCertificate,
	type UnusableCertificate,
	UnusableCertificateError,
} from "./certificate.ts";
import type { FederationInputs, NodeSecrets, SecretContent } from "./federation-inputs.ts";
import { issuedCertificateName } from "./names.ts";
import type { Problem } from "./problem.ts";
import { sameItems } from "./same-items.ts";
import type { StoredFederation } from "./stored-federation.ts";
import {
	authoritiesOutOfTime,
	readAuthorities,
	type TrustedAuthorities,
	UnusableAuthoritiesError,
} from "./trusted-authorities.ts";

/** What a federation proves itself with and verifies others with: from the objects that it names, or what is wrong with them. */
type Part<T> =
	| { readonly ok: true; readonly value: T }
	| { readonly ok: false; readonly problem: Problem; readonly unusable?: UnusableCertificate };

type Named = Pick<StoredFederation, "spec" | "metadata">;

/** @param authorities that are known beside the public ones */
export function certificateOf(
	federation: Named,
	inputs: FederationInputs,
	domains: readonly string[],
	authorities: readonly X509Certificate[],
	now: Date,
): Part<{ pair: NodeSecrets["certificate"]; facts: CertificateFacts }> {
	const { secretName, issuerRef } = federation.spec.security?.certificate ?? {};
	const inspect = ({ data }: SecretContent, pair: NodeSecrets["certificate"]) => ({
		pair,
		facts: inspectOnce(data, pair, { domains, authorities }, now),
	});
	if (issuerRef) return issuedOf(federation, inputs, inspect);
	if (secretName === undefined) {
		const { selfSigned } = inputs.generated;
		const made = selfSigned && pairOf(selfSigned);
		if (!made) throw new Error("no self-signed certificate was made");
		return { ok: true, value: inspect(selfSigned, made) };
	}
	const field = "spec.security.certificate.secretName";
	if (!inputs.certificate)
		return missing(field, secretName, "Create it as kubernetes.io/tls with tls.crt and tls.key.");
	const pair = pairOf(inputs.certificate);
	if (!pair) {
		const lacking = inputs.certificate.data["tls.crt"] ? "tls.key" : "tls.crt";
		return invalid(field, `Secret "${secretName}" lacks ${lacking}. It must be of type kubernetes.io/tls.`);
	}
	const { certificate } = inputs;
	return usable(field, secretName, () => inspect(certificate, pair));
}

/** What cert-manager issued, or what it says while it has not. */
function issuedOf<Value extends { readonly facts: CertificateFacts }>(
	{ metadata }: Named,
	{ certificate, issuance }: FederationInputs,
	inspect: (content: SecretContent, pair: NodeSecrets["certificate"]) => Value,
): Part<Value> {
	const field = "spec.security.certificate.issuerRef";
	const name = issuedCertificateName(metadata.name);
	const wait = (why: string): Refused => ({
		ok: false,
		problem: { reason: "CertificateNotIssued", field, message: `Certificate "${name}" is not issued: ${why}` },
	});
	const pair = certificate && pairOf(certificate);
	if (!pair && issuance === "NoCertManager") {
		const message =
			"the Kubernetes cluster has no Certificates of cert-manager.io/v1. Install cert-manager, or name a Secret in " +
			"spec.security.certificate.secretName.";
		return { ok: false, problem: { reason: "CertManagerMissing", field, message } };
	}
	const said = issuance === undefined || issuance === "NoCertManager" ? "" : issuance.message;
	if (!pair) return wait(said || "cert-manager has not said anything of it yet. See that it runs.");
	const part = usable(field, name, () => inspect(certificate, pair));
	const isOld = typeof issuance === "object" && !issuance.ready;
	// The names were changed: nodes would restart for them, and once more for the certificate.
	if (part.ok && isOld && part.value.facts.findings.some(({ reason }) => reason === "NameMissing")) {
		return wait(`${said || "cert-manager is at it."} The one before lacks names.`);
	}
	return part;
}

function usable<Value>(field: string, secretName: string, inspect: () => Value): Part<Value> {
	try {
		return { ok: true, value: inspect() };
	} catch (error) {
		if (!(error instanceof UnusableCertificateError)) throw error;
		const { reason, message } = error;
		return { ...invalid(field, `Secret "${secretName}": ${message}.`), unusable: { reason, message } };
	}
}

interface CertificateContext {
	readonly domains: readonly string[];
	readonly authorities: readonly X509Certificate[];
}

/**
 * What was found in Secrets, by their data, and when: it holds until time changes it. To look at a certificate takes
 * longer than all the rest of a model, and leaves 8 kB each time that the collector does not know of.
 */
const inspectedBefore = new WeakMap<
	object,
	CertificateContext & { readonly facts: CertificateFacts; readonly at: Date }
>();

function inspectOnce(
	data: object,
	pair: NodeSecrets["certificate"],
	{ domains, authorities }: CertificateContext,
	now: Date,
): CertificateFacts {
	const before = inspectedBefore.get(data);
	const holds = before && before.at <= now && (before.facts.changesAt === undefined || now < before.facts.changesAt);
	if (holds && sameItems(before.domains, domains) && sameItems(before.authorities, authorities)) return before.facts;
	const facts = inspectCertificate(text(pair.certificate), text(pair.key), domains, now, authorities);
	inspectedBefore.set(data, { domains, authorities, facts, at: now });
	return facts;
}

/** Undefined where a part of it is missing. */
export function pairOf({ data }: SecretContent): NodeSecrets["certificate"] | undefined {
	const { "tls.crt": certificate, "tls.key": key } = data;
	return certificate && key ? { certificate, key } : undefined;
}

/** Whether certificates of peers are verified with public authorities too. */
export function trustsPublicAuthorities({ security }: XmppFederation["spec"]): boolean {
	return security?.trustedCAs?.systemRoots ?? defaults.systemRoots;
}

export interface GivenAuthorities {
	readonly certificates: readonly X509Certificate[];
	/** PEM in base64, as it stands in `Secret.data`. */
	readonly bundle: string;
	/** Those of them that have expired. */
	readonly remarks: readonly Problem[];
}

/** What was read of a ConfigMap: a hundred authorities take some milliseconds, and change once a year. */
const readBefore = new WeakMap<object, { pem: string; systemRoots: boolean; authorities: TrustedAuthorities }>();

function readOnce(data: object, pem: string, systemRoots: boolean): TrustedAuthorities {
	const before = readBefore.get(data);
	if (before?.pem === pem && before.systemRoots === systemRoots) return before.authorities;
	const authorities = readAuthorities(pem, systemRoots);
	readBefore.set(data, { pem, systemRoots, authorities });
	return authorities;
}

/** Undefined where none are given. */
export function trustedAuthoritiesOf(
	{ spec }: Named,
	{ trustedCAs }: Pick<FederationInputs, "trustedCAs">,
	now: Date,
): Part<GivenAuthorities | undefined> {
	const { configMapRef } = spec.security?.trustedCAs ?? {};
	if (!configMapRef) return { ok: true, value: undefined };
	const field = "spec.security.trustedCAs.configMapRef";
	return authoritiesIn({ ...configMapRef, field }, trustedCAs, trustsPublicAuthorities(spec), now);
}

/**
 * The authorities that a field names.
 *
 * @param configMap undefined where it does not exist
 * @param systemRoots public authorities are known as well
 */
export function authoritiesIn(
	{ name, key = defaults.trustedCAsKey, field }: { name: string; key?: string; field: string },
	configMap: FederationInputs["trustedCAs"],
	systemRoots: boolean,
	now: Date,
): Part<GivenAuthorities> {
	const refuse = (reason: "ConfigMapNotFound" | "ConfigMapInvalid", message: string): Refused => ({
		ok: false,
		problem: { reason, field, message },
	});
	if (!configMap) {
		const message = `ConfigMap "${name}" does not exist in this namespace. Create it with the key "${key}".`;
		return refuse("ConfigMapNotFound", message);
	}
	const pem = configMap.data[key];
	if (pem === undefined) {
		return refuse("ConfigMapInvalid", `ConfigMap "${name}" has no key "${key}". Put the authorities there, PEM.`);
	}
	try {
		const authorities = readOnce(configMap.data, pem, systemRoots);
		const bundle = Buffer.from(authorities.bundle, "utf8").toString("base64");
		const remarks = authoritiesOutOfTime(authorities, now).map((out) => ({
			reason: "AuthorityExpired" as const,
			field,
			message: `ConfigMap "${name}", "${key}": ${out}. It verifies nobody: take it out.`,
		}));
		return { ok: true, value: { certificates: authorities.certificates, bundle, remarks } };
	} catch (error) {
		if (!(error instanceof UnusableAuthoritiesError)) throw error;
		return refuse("ConfigMapInvalid", `ConfigMap "${name}", "${key}": ${error.message}.`);
	}
}

/** RFC 6120 leaves the secret's length open; shorter ones than this can be found by trying (XEP-0185 section 2). */
const leastDialbackSecretBytes = 16;

export function dialbackOf(
	{ spec }: Pick<XmppFederation, "spec">,
	inputs: Pick<FederationInputs, "generated" | "dialback">,
): Part<string> {
	const field = "spec.security.dialback.secretRef";
	const name = spec.security?.dialback?.secretRef?.name;
	if (name === undefined) return { ok: true, value: inputs.generated.dialback };
	if (!inputs.dialback) return missing(field, name, `Create it with the key "secret".`);
	const secret = inputs.dialback.data["secret"];
	if (!secret) return invalid(field, `Secret "${name}" has no key "secret". Put the dialback secret there.`);
	if (Buffer.from(secret, "base64").length < leastDialbackSecretBytes) {
		return invalid(
			field,
			`Secret "${name}": "secret" is shorter than ${leastDialbackSecretBytes} bytes. Use a longer random value.`,
		);
	}
	return { ok: true, value: secret };
}

type Refused = Extract<Part<never>, { readonly ok: false }>;

function missing(field: string, name: string, remedy: string): Refused {
	return {
		ok: false,
		problem: {
			reason: "SecretNotFound",
			field,
			message: `Secret "${name}" does not exist in this namespace. ${remedy}`,
		},
	};
}

function invalid(field: string, message: string): Refused {
	return { ok: false, problem: { reason: "SecretInvalid", field, message } };
}

function text(base64: string): string {
	return Buffer.from(base64, "base64").toString("utf8");
}
