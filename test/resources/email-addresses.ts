import { type Fields, federation } from "./builders.ts";
import type { InvalidCase, ValidCase } from "./cases.ts";
import { invalid, missing, notAnObject, notOf, notOneOf, outOf, tooLong, tooMany, tooShort } from "./refusals.ts";

const people = { configMapRef: { name: "people" } };
const directory = { url: "ldaps://ldap.example.com", baseDN: "ou=people,dc=example,dc=com" };
const withAddresses = (emailAddresses: unknown) => federation({ emailAddresses });
const withRefs = (...mappingRefs: unknown[]) => withAddresses({ mappingRefs });
const withLdap = (fields: Fields) => withAddresses({ ldap: { ...directory, ...fields } });
const authorities = { configMapRef: { name: "ldap-authority" } };

/** Right in what concerns email addresses. */
export const validEmailAddresses: readonly ValidCase[] = [
	{ name: "addresses: from a ConfigMap", resource: withRefs(people) },
	{
		name: "addresses: from a key of a ConfigMap",
		resource: withRefs({ configMapRef: { name: "people", key: "a_1" } }),
	},
	{ name: "addresses: from a key of a Secret", resource: withRefs({ secretRef: { name: "board", key: "list.txt" } }) },
	{
		name: "addresses: from 16 objects",
		resource: withRefs(...Array.from({ length: 16 }, (_, index) => ({ configMapRef: { name: `people-${index}` } }))),
	},
	{ name: "addresses: from a directory", resource: withLdap({}) },
	{
		name: "addresses: from everywhere, as many settings as can be",
		resource: withAddresses({
			mappingRefs: [people, { secretRef: { name: "board" } }],
			ldap: {
				...directory,
				url: "ldap://[2001:db8::7]:3389",
				startTLS: true,
				filter: "(&(objectClass=person)(mail=*))",
				userAttribute: "sAMAccountName",
				mailAttribute: "mail",
				bindSecretRef: { name: "ldap-bind" },
				trustedCAs: { configMapRef: { name: "ldap-authority", key: "root.pem" } },
				refreshSeconds: 86_400,
			},
			unmappedUsers: "PassThrough",
		}),
	},
	...["ldap://directory", "ldap://10.0.3.7:389", "ldaps://ldap.Example.COM:636"].map((url) => ({
		name: `addresses: from ${url}`,
		resource: withLdap({ url }),
	})),
	{ name: "addresses: looked for every 10 s", resource: withLdap({ refreshSeconds: 10 }) },
	{ name: "addresses: startTLS off with ldaps", resource: withLdap({ startTLS: false }) },
	{ name: "addresses: authorities with ldaps", resource: withLdap({ trustedCAs: authorities }) },
];

const field = "spec.emailAddresses";
const notAUrl = "must be the URL of a directory such as ldaps://ldap.example.com";
const notAFilter = "must be an LDAP filter such as";
const notAnAttribute = "must be the name of an attribute such as mail";
const noMapping = "must have mappingRefs or ldap, or both";
const notOneRef = "must have one of configMapRef and secretRef";
const refresh = outOf(10, 86_400);

/** Wrong in that. */
export const invalidEmailAddresses: readonly InvalidCase[] = [
	invalid("addresses: from nowhere", withAddresses({}), field, noMapping),
	invalid("addresses: true", withAddresses(true), field, notOf("object")),
	invalid("addresses: no objects", withRefs(), `${field}.mappingRefs`, {
		zod: ">=1 items",
		apiserver: "should have at least 1 items",
	}),
	invalid(
		"addresses: from 17 objects",
		withRefs(...Array.from({ length: 17 }, () => people)),
		`${field}.mappingRefs`,
		tooMany(16),
	),
	invalid("addresses: from no object", withRefs(people, {}), `${field}.mappingRefs[1]`, notOneRef),
	invalid(
		"addresses: from two objects in one place",
		withRefs({ ...people, secretRef: { name: "board" } }),
		`${field}.mappingRefs[0]`,
		notOneRef,
	),
	invalid(
		"addresses: no name of a ConfigMap",
		withRefs({ configMapRef: { name: "People" } }),
		`${field}.mappingRefs[0].configMapRef.name`,
		notAnObject,
	),
	invalid(
		"addresses: no key",
		withRefs({ secretRef: { name: "board", key: "a/b" } }),
		`${field}.mappingRefs[0].secretRef.key`,
		"must be a key such as ca.crt",
	),
	invalid(
		"addresses: key with a space",
		withRefs({ configMapRef: { name: "people", key: "a b" } }),
		`${field}.mappingRefs[0].configMapRef.key`,
		"must be a key such as ca.crt",
	),
	invalid(
		"addresses: no name of a Secret",
		withRefs({ secretRef: { name: "board_1" } }),
		`${field}.mappingRefs[0].secretRef.name`,
		notAnObject,
	),
	...(["configMapRef", "secretRef"] as const).map((ref) =>
		invalid(
			`addresses: ${ref} as a text`,
			withRefs({ [ref]: "people" }),
			`${field}.mappingRefs[0].${ref}`,
			notOf("object"),
		),
	),
	invalid("addresses: directory as a text", withAddresses({ ldap: directory.url }), `${field}.ldap`, notOf("object")),
	invalid(
		"addresses: bindSecretRef as a text",
		withLdap({ bindSecretRef: "ldap-bind" }),
		`${field}.ldap.bindSecretRef`,
		notOf("object"),
	),
	invalid(
		"addresses: no ConfigMap of authorities",
		withLdap({ trustedCAs: {} }),
		`${field}.ldap.trustedCAs.configMapRef`,
		missing,
	),
	invalid(
		"addresses: no name of a ConfigMap of authorities",
		withLdap({ trustedCAs: { configMapRef: { name: "-" } } }),
		`${field}.ldap.trustedCAs.configMapRef.name`,
		notAnObject,
	),
	invalid(
		"addresses: no key of authorities",
		withLdap({ trustedCAs: { configMapRef: { name: "ldap-authority", key: ".." } } }),
		`${field}.ldap.trustedCAs.configMapRef.key`,
		"must be a key such as ca.crt",
	),
	invalid(
		"addresses: unmapped users of no kind",
		withAddresses({ mappingRefs: [people], unmappedUsers: "Drop" }),
		`${field}.unmappedUsers`,
		notOneOf,
	),
	invalid("addresses: directory without a URL", withLdap({ url: undefined }), `${field}.ldap.url`, missing),
	invalid("addresses: directory without a base", withLdap({ baseDN: undefined }), `${field}.ldap.baseDN`, missing),
	invalid("addresses: empty base", withLdap({ baseDN: "" }), `${field}.ldap.baseDN`, tooShort(1024)),
	...[
		"ldap.example.com",
		"https://ldap.example.com",
		"ldaps://ldap.example.com/",
		"ldaps://ldap.example.com/dc=example",
		"ldaps://admin:secret@ldap.example.com",
		"ldap://",
		"ldap://2001:db8::7",
		"ldap://ldap_1.example.com",
		"ldap://ldap.example.com:0",
	].map((url) => invalid(`addresses: from "${url}"`, withLdap({ url }), `${field}.ldap.url`, notAUrl)),
	...["mail=*", "(mail=*", "()"].map((filter) =>
		invalid(`addresses: filter ${filter}`, withLdap({ filter }), `${field}.ldap.filter`, notAFilter),
	),
	...["mail,uid", "1mail", "mail;lang-en"].map((name) =>
		invalid(
			`addresses: attribute ${name}`,
			withLdap({ mailAttribute: name }),
			`${field}.ldap.mailAttribute`,
			notAnAttribute,
		),
	),
	invalid(
		"addresses: attribute too long",
		withLdap({ userAttribute: "u".repeat(65) }),
		`${field}.ldap.userAttribute`,
		tooLong(64),
	),
	invalid(
		"addresses: startTLS with ldaps",
		withLdap({ startTLS: true }),
		`${field}.ldap.startTLS`,
		"ldaps:// is TLS from its beginning",
	),
	invalid(
		"addresses: authorities without TLS",
		withLdap({ url: "ldap://ldap.example.com", trustedCAs: authorities }),
		`${field}.ldap.trustedCAs`,
		"without TLS there is no certificate to verify",
	),
	invalid(
		"addresses: no name of a Secret to bind with",
		withLdap({ bindSecretRef: { name: "" } }),
		`${field}.ldap.bindSecretRef.name`,
		tooShort(253),
	),
	invalid("addresses: every 9 s", withLdap({ refreshSeconds: 9 }), `${field}.ldap.refreshSeconds`, refresh.below),
	invalid(
		"addresses: every two days",
		withLdap({ refreshSeconds: 172_800 }),
		`${field}.ldap.refreshSeconds`,
		refresh.above,
	),
];
