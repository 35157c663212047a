import { createHash, generateKeyPair, randomBytes, sign, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import {
	bits,
	der,
	field,
	objectIdentifier,
	octets,
	parts,
	sequence,
	set,
	smallInteger,
	time,
	utf8,
	yes,
} from "./der.ts";

/** A certificate and its private key (PKCS #8), both PEM or, where it says so, PEM in base64. */
export interface PemPair {
	readonly certificate: string;
	readonly key: string;
}

/** What a certificate says. */
export interface CertificateContent {
	/** One attribute: `CN=NAME` or `O=NAME`. */
	readonly subject: string;
	/** Days from now on for which it is valid. */
	readonly days: number;
	/** It signs certificates, and none of further authorities. Otherwise it is for both ends of TLS connections. */
	readonly isAuthority: boolean;
	/** DNS names in subjectAltName. */
	readonly names: readonly string[];
}

const day = 24 * 60 * 60 * 1000;

const attributes: Readonly<Record<string, string>> = { CN: "2.5.4.3", O: "2.5.4.10" };
const ecdsaWithSha256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));
const serverAuth = objectIdentifier("1.3.6.1.5.5.7.3.1");
const clientAuth = objectIdentifier("1.3.6.1.5.5.7.3.2");
const digitalSignature = bits(Buffer.from([0x80]), 7);
const certificateSign = bits(Buffer.from([0x04]), 2);

/**
 * Makes a new key (ECDSA, P-256) and a certificate (RFC 5280) for it. A library for this took a third of the processor time
 * of a new federation, and 6 MB.
 *
 * @param issuer who signs it; undefined: it signs itself
 */
export async function makePair(content: CertificateContent, now: Date, issuer?: PemPair): Promise<PemPair> {
	const { publicKey, privateKey: key } = await promisify(generateKeyPair)("ec", {
		namedCurve: "P-256",
		publicKeyEncoding: { type: "spki", format: "der" },
		privateKeyEncoding: { type: "pkcs8", format: "pem" },
	});
	const signer = issuer && new X509Certificate(issuer.certificate);
	const subject = distinguishedName(content.subject);
	const toBeSigned = sequence(
		field(0, smallInteger(2), true),
		serialNumber(),
		ecdsaWithSha256,
		signer ? subjectOf(signer) : subject,
		// One day back: clocks of those who verify may be behind.
		sequence(time(new Date(now.getTime() - day)), time(new Date(now.getTime() + content.days * day))),
		subject,
		publicKey,
		field(3, sequence(...extensions(content, publicKey, signer)), true),
	);
	const signature = await promisify(sign)("sha256", toBeSigned, issuer?.key ?? key);
	const certificate = sequence(toBeSigned, ecdsaWithSha256, bits(signature));
	return { certificate: new X509Certificate(certificate).toString(), key };
}

/** As `Secret.data` takes it. */
export function inBase64({ certificate, key }: PemPair): PemPair {
	const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");
	return { certificate: base64(certificate), key: base64(key) };
}

function extensions(
	{ isAuthority, names }: CertificateContent,
	publicKey: Buffer,
	signer: X509Certificate | undefined,
): readonly Buffer[] {
	const critical = (id: string, value: Buffer) => sequence(objectIdentifier(id), yes, octets(value));
	const plain = (id: string, value: Buffer) => sequence(objectIdentifier(id), octets(value));
	return [
		critical("2.5.29.19", isAuthority ? sequence(yes, smallInteger(0)) : sequence()),
		critical("2.5.29.15", isAuthority ? certificateSign : digitalSignature),
		...(isAuthority ? [plain("2.5.29.14", octets(keyIdentifier(publicKey)))] : []),
		...(isAuthority ? [] : [plain("2.5.29.37", sequence(serverAuth, clientAuth))]),
		...(names.length > 0
			? [plain("2.5.29.17", sequence(...names.map((name) => field(2, Buffer.from(name, "ascii")))))]
			: []),
		...(signer ? [plain("2.5.29.35", sequence(field(0, keyIdentifier(encodedKey(signer)))))] : []),
	];
}

function distinguishedName(text: string): Buffer {
	const [name = "", ...value] = text.split("=");
	const type = attributes[name];
	if (type === undefined) throw new Error(`${text} is no name that certificates are made with here`);
	return sequence(set(sequence(objectIdentifier(type), utf8(value.join("=")))));
}

/** 127 random bits and, so that they are as many as they seem, a one before them. */
function serialNumber(): Buffer {
	const bytes = randomBytes(16);
	bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
	return der(0x02, bytes);
}

/** As it stands in the certificate, whoever wrote it: names are compared by their bytes. */
function subjectOf({ raw }: X509Certificate): Buffer {
	const [toBeSigned = raw] = parts(raw);
	const [, , , , , subject = Buffer.alloc(0)] = parts(toBeSigned);
	return subject;
}

function encodedKey({ publicKey }: X509Certificate): Buffer {
	return publicKey.export({ type: "spki", format: "der" });
}

/** The SHA-1 of the key's bits (RFC 5280, 4.2.1.2): a name, nothing that has to be hard to find. */
function keyIdentifier(publicKey: Buffer): Buffer {
	const [, key = publicKey] = parts(publicKey);
	// Without tag, length and the number of unused bits: a point of 65 bytes.
	return createHash("sha1").update(key.subarray(3)).digest();
}
