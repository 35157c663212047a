import "reflect-metadata";
import { createPrivateKey, webcrypto, X509Certificate } from "node:crypto";
import { BasicConstraintsExtension, PemConverter, X509CertificateGenerator } from "@peculiar/x509";
import { beforeAll, describe, expect, test } from "vitest";
import { makeLinkAuthority, makeLinkCertificate } from "../../../src/controller/make-link-certificates.ts";
import {
	inspectLinkCertificates,
	type LinkCertificateTexts,
	pickCertificates,
} from "../../../src/model/link-certificate-state.ts";
import { linkTlsName } from "../../../src/model/names.ts";

const name = linkTlsName("example", "chat");
const now = new Date("2026-06-01T12:00:00Z");
const later = (days: number) => new Date(now.getTime() + days * 24 * 3_600_000);

type Pair = Awaited<ReturnType<typeof makeLinkAuthority>>;
let authority: Pair;
let other: Pair;
let good: Pair;
let rsaAuthority: Pair;
let texts: Required<LinkCertificateTexts>;

beforeAll(async () => {
	authority = await makeLinkAuthority(now);
	other = await makeLinkAuthority(now);
	good = await makeLinkCertificate(authority, name, now);
	rsaAuthority = await makeRsaAuthority();
	texts = { authority, published: { ...good, trusted: authority.certificate, since: now.toISOString() } };
});

async function makeRsaAuthority(): Promise<Pair> {
	const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048 };
	const parameters = { ...algorithm, publicExponent: new Uint8Array([1, 0, 1]) };
	const keys = await webcrypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
	const certificate = await X509CertificateGenerator.createSelfSigned({
		name: "CN=Somebody's own",
		notBefore: later(-1),
		notAfter: later(10),
		signingAlgorithm: algorithm,
		keys,
		extensions: [new BasicConstraintsExtension(true)],
	});
	const key = PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
	return { certificate: certificate.toString("pem"), key };
}

const inspect = (change: Partial<NonNullable<LinkCertificateTexts["published"]>> = {}, when = now) =>
	inspectLinkCertificates({ ...texts, published: { ...texts.published, ...change } }, name, when);
const idOf = ({ certificate }: Pair) => new X509Certificate(certificate).fingerprint256;

describe("what the operator makes", () => {
	test("is found to be good, and says whose it is and how long it lasts", () => {
		const { authority: found, published } = inspect();
		expect(found).toMatchObject({ usable: true, id: idOf(authority), notBefore: later(-1), notAfter: later(3650) });
		expect(published).toMatchObject({ tidy: true, since: now, trusted: [{ id: idOf(authority) }] });
		expect(published.certificate).toMatchObject({
			usable: true,
			issuer: idOf(authority),
			notBefore: later(-1),
			notAfter: later(90),
		});
	});

	test("can do what it is for and nothing more", () => {
		const [ca, leaf] = [new X509Certificate(authority.certificate), new X509Certificate(good.certificate)];
		expect([ca.ca, leaf.ca]).toEqual([true, false]);
		expect(leaf.subjectAltName).toBe(`DNS:${name}`);
		// serverAuth and clientAuth
		expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
		expect(createPrivateKey(good.key).asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
		expect(ca.subject).not.toBe(new X509Certificate(other.certificate).subject);
	});

	test("has a name that a certificate can hold, however long the names are", () => {
		const longest = linkTlsName("f".repeat(40), "n".repeat(63));
		expect(longest.length).toBeLessThanOrEqual(253);
		for (const label of longest.split(".")) expect(label.length).toBeLessThanOrEqual(63);
	});
});

describe("a link certificate is not used", () => {
	test.each<[string, () => Promise<object> | object, RegExp, boolean]>([
		["where it is no certificate", () => ({ certificate: "hello" }), /tls\.crt holds no certificate/, true],
		["without its key", () => ({ key: undefined }), /tls\.key is not the key/, true],
		["with another key", () => ({ key: other.key }), /tls\.key is not the key/, true],
		["with a key that is none", () => ({ key: "hello" }), /tls\.key is not the key/, true],
		[
			"for another name",
			() => makeLinkCertificate(authority, linkTlsName("other", "chat"), now),
			/is not for links\.example\.chat/,
			true,
		],
		[
			"by an authority that is not trusted",
			() => makeLinkCertificate(other, name, now),
			/signed by no authority/,
			true,
		],
		["that has expired", () => makeLinkCertificate(authority, name, later(-91)), /has expired/, true],
		["that a wrong clock made", () => makeLinkCertificate(authority, name, later(30)), /not valid before/, true],
	])("%s", async (_what, change, problem, broken) => {
		const { certificate } = inspect(await change()).published;
		expect(certificate).toEqual({ usable: false, problem: expect.stringMatching(problem), broken });
	});

	test("by an authority that has expired", () => {
		expect(inspect({}, later(3651)).published.certificate).toMatchObject({ usable: false });
	});

	test("where there is none, which nobody has to mend", () => {
		const { authority: found, published } = inspectLinkCertificates(
			{ authority: undefined, published: undefined },
			name,
			now,
		);
		expect([found, published.certificate]).toEqual([
			{ usable: false, problem: "there is none", broken: false },
			{ usable: false, problem: "there is none", broken: false },
		]);
	});
});

test.each<[string, () => Partial<Pair>, RegExp]>([
	["a certificate that is none", () => ({ certificate: "hello", key: authority.key }), /tls\.crt holds no certificate/],
	["a certificate of no authority", () => good, /tls\.crt holds no certificate of an authority/],
	["another key", () => ({ ...authority, key: other.key }), /tls\.key is not the key/],
	["a key that nothing can be signed with here", () => rsaAuthority, /its key is not ECDSA P-256/],
])("an authority is not used with %s", (_what, pair, problem) => {
	const state = inspectLinkCertificates({ ...texts, authority: pair() }, name, now);
	expect(state.authority).toEqual({ usable: false, problem: expect.stringMatching(problem), broken: true });
});

test("ca.crt: every authority in it, once, and whether there is anything else", () => {
	const both = `${authority.certificate}${other.certificate}`;
	const trusted = (text: string) => {
		const { published } = inspect({ trusted: text });
		return [published.trusted.map(({ id }) => id), published.tidy];
	};
	const ids = [idOf(authority), idOf(other)];
	expect(trusted(both)).toEqual([ids, true]);
	expect(trusted(`${both}${authority.certificate}`)).toEqual([ids, false]);
	expect(trusted(`${both}hello`)).toEqual([ids, false]);
	expect(trusted(`${both}${good.certificate}`)).toEqual([ids, false]);
	expect(trusted("")).toEqual([[], true]);
	expect(pickCertificates(both, [idOf(other)]).map((pem) => pem.trim())).toEqual([other.certificate.trim()]);
});

test("the certificate stays usable when its authority's Secret is lost: trust in it is in ca.crt", () => {
	const { published } = inspectLinkCertificates({ ...texts, authority: undefined }, name, now);
	expect(published.certificate).toMatchObject({ usable: true, issuer: idOf(authority) });
});
