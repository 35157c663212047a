// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 needs it for its dependency injection
import "reflect-metadata";
import { X509Certificate } from "node:crypto";
import {
	AuthorityKeyIdentifierExtension,
	BasicConstraintsExtension,
	ExtendedKeyUsageExtension,
	KeyUsagesExtension,
	X509Certificate as ReadCertificate,
	SubjectKeyIdentifierExtension,
} from "@peculiar/x509";
import { expect, test } from "vitest";
import { makePair, type PemPair } from "../../../src/controller/certificate-pair.ts";
import { loopbackCertificates } from "../../apiserver/certificates.ts";

const now = new Date("2026-11-25T12:00:00.000Z");
const leaf = { subject: "O=leaf", days: 90, isAuthority: false, names: ["links.example"] };
const authority = { subject: "CN=authority = one", days: 3650, isAuthority: true, names: [] };

/** As OpenSSL and as a library of its own read it. */
function read({ certificate }: PemPair) {
	return { openssl: new X509Certificate(certificate), library: new ReadCertificate(certificate) };
}

test("a certificate says what it was made for, and is signed by its issuer alone", async () => {
	const [issuer, other] = [await makePair(authority, now), await makePair(authority, now)];
	const { openssl, library } = read(await makePair(leaf, now, issuer));
	expect(openssl.subject).toBe("O=leaf");
	expect(openssl.issuer).toBe("CN=authority = one");
	expect(openssl.subjectAltName).toBe("DNS:links.example");
	expect(openssl.ca).toBe(false);
	expect([openssl.validFromDate.toISOString(), openssl.validToDate.toISOString()]).toEqual([
		"2026-11-24T12:00:00.000Z",
		"2027-02-23T12:00:00.000Z",
	]);
	const [signer, stranger] = [read(issuer).openssl, read(other).openssl];
	expect(openssl.checkIssued(signer) && openssl.verify(signer.publicKey)).toBe(true);
	expect(openssl.verify(stranger.publicKey)).toBe(false);

	expect(library.getExtension(BasicConstraintsExtension)).toMatchObject({ ca: false, critical: true });
	expect(library.getExtension(KeyUsagesExtension)).toMatchObject({ usages: 1, critical: true });
	expect(library.getExtension(ExtendedKeyUsageExtension)?.usages).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
	const identifier = read(issuer).library.getExtension(SubjectKeyIdentifierExtension)?.keyId;
	expect(identifier).toHaveLength(40);
	expect(library.getExtension(AuthorityKeyIdentifierExtension)?.keyId).toBe(identifier);
});

test("an authority signs itself, and nothing but certificates of others", async () => {
	const { openssl, library } = read(await makePair(authority, now));
	expect(openssl.ca && openssl.checkIssued(openssl) && openssl.verify(openssl.publicKey)).toBe(true);
	expect(library.getExtension(BasicConstraintsExtension)).toMatchObject({ ca: true, pathLength: 0, critical: true });
	expect(library.getExtension(KeyUsagesExtension)).toMatchObject({ usages: 32, critical: true });
	expect(library.getExtension(ExtendedKeyUsageExtension)).toBeNull();
	const serials = await Promise.all(Array.from({ length: 20 }, async () => read(await makePair(authority, now))));
	expect(new Set(serials.map(({ library: { serialNumber } }) => serialNumber)).size).toBe(20);
});

test("names of any number and length, and years from 2050 on, are written as they are read", async () => {
	for (const count of [1, 6, 12, 300, 3_000]) {
		const names = Array.from({ length: count }, (_, index) => `${"d".repeat(index % 60)}${index}.example`);
		const { openssl } = read(await makePair({ ...leaf, names, days: 365 * 40 }, now));
		expect(openssl.subjectAltName).toBe(names.map((name) => `DNS:${name}`).join(", "));
		expect(openssl.validToDate.toISOString()).toBe("2066-11-15T12:00:00.000Z");
		expect(openssl.verify(openssl.publicKey)).toBe(true);
	}
});

test("an authority that another program made signs under its own name", async () => {
	const made = await loopbackCertificates();
	const signer = new X509Certificate(made.ca);
	const key = (await makePair(authority, now)).key;
	const { openssl } = read(await makePair(leaf, now, { certificate: made.ca, key }));
	expect(openssl.checkIssued(signer)).toBe(true);
	expect(openssl.issuer).toBe(signer.subject);
});
