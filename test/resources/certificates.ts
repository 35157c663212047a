import { type Fields, federation } from "./builders.ts";
import type { InvalidCase, ValidCase } from "./cases.ts";
import { invalid, missing, notAnObject, notOf, notOneOf, tooShort } from "./refusals.ts";

const withCertificate = (certificate: unknown) => federation({ security: { certificate } });
const withIssuer = (issuerRef: unknown) => withCertificate({ issuerRef });
const withAuthorities = (trustedCAs: unknown) => federation({ security: { trustedCAs } });
const withConfigMap = (configMapRef: Fields) => withAuthorities({ configMapRef });

const notOneSource = "must have one of secretName";
const notAKey = "must be a key such as ca.crt";

/** Right in what concerns certificates: the federation's own, and those of authorities. */
export const validCertificates: readonly ValidCase[] = [
	{ name: "certificate of a Secret", resource: withCertificate({ secretName: "tls" }) },
	{ name: "certificate of an issuer", resource: withIssuer({ name: "public" }) },
	{
		name: "certificate of an issuer of another group",
		resource: withIssuer({ name: "public", kind: "ClusterIssuer", group: "issuers.example.com" }),
	},
	{ name: "empty trusted CAs", resource: withAuthorities({}) },
	{ name: "trusted CAs: public ones only", resource: withAuthorities({ systemRoots: true }) },
	{ name: "trusted CAs beside the public ones", resource: withConfigMap({ name: "partner" }) },
	{
		name: "trusted CAs instead of the public ones",
		resource: withAuthorities({ configMapRef: { name: "partner", key: ".ca_1-A.pem" }, systemRoots: false }),
	},
];

export const invalidCertificates: readonly InvalidCase[] = [
	invalid("certificate: text", withCertificate("a"), "spec.security.certificate", notOf("object")),
	invalid("certificate: of nowhere", withCertificate({}), "spec.security.certificate", notOneSource),
	invalid(
		"certificate: of both",
		withCertificate({ secretName: "tls", issuerRef: { name: "public" } }),
		"spec.security.certificate",
		notOneSource,
	),
	invalid(
		"certificate: other namespace",
		withCertificate({ secretName: "other/tls" }),
		"spec.security.certificate.secretName",
		notAnObject,
	),
	invalid("issuer: text", withIssuer("public"), "spec.security.certificate.issuerRef", notOf("object")),
	invalid("issuer: no name", withIssuer({}), "spec.security.certificate.issuerRef.name", missing),
	invalid("issuer: name", withIssuer({ name: "A" }), "spec.security.certificate.issuerRef.name", notAnObject),
	invalid(
		"issuer: kind",
		withIssuer({ name: "a", kind: "issuer" }),
		"spec.security.certificate.issuerRef.kind",
		notOneOf,
	),
	invalid(
		"issuer: group",
		withIssuer({ name: "a", group: "cert-manager.io/v1" }),
		"spec.security.certificate.issuerRef.group",
		"must be a name such as cert-manager.io",
	),
	invalid("trusted CAs: text", withAuthorities("partner"), "spec.security.trustedCAs", notOf("object")),
	invalid(
		"trusted CAs: none at all",
		withAuthorities({ systemRoots: false }),
		"spec.security.trustedCAs.systemRoots",
		"set configMapRef",
	),
	invalid(
		"trusted CAs: system roots",
		withAuthorities({ systemRoots: "no" }),
		"spec.security.trustedCAs.systemRoots",
		notOf("boolean"),
	),
	invalid(
		"trusted CAs: ConfigMap",
		withAuthorities({ configMapRef: "a" }),
		"spec.security.trustedCAs.configMapRef",
		notOf("object"),
	),
	invalid("trusted CAs: no name", withConfigMap({}), "spec.security.trustedCAs.configMapRef.name", missing),
	invalid(
		"trusted CAs: name",
		withConfigMap({ name: "other/partner" }),
		"spec.security.trustedCAs.configMapRef.name",
		notAnObject,
	),
	...["", ".", "..", "..data", "a/b", "a b"].map((key) =>
		invalid(
			`trusted CAs: key "${key}"`,
			withConfigMap({ name: "partner", key }),
			"spec.security.trustedCAs.configMapRef.key",
			key === "" ? tooShort(253) : notAKey,
		),
	),
];
