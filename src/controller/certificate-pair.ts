import { createHash, generateKeyPair, randomBytes, sign } from "node:crypto";
import { promisify } from "node:util";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
	AlgorithmIdentifier,
	AttributeTypeAndValue,
	AttributeValue,
	AuthorityKeyIdentifier,
	BasicConstraints,
	Certificate,
	ExtendedKeyUsage,
	Extension,
	Extensions,
	GeneralName,
	id_ce_authorityKeyIdentifier,
	id_ce_basicConstraints,
	id_ce_extKeyUsage,
	id_ce_keyUsage,
	id_ce_subjectAltName,
	id_ce_subjectKeyIdentifier,
	id_kp_clientAuth,
	id_kp_serverAuth,
	KeyUsage,
	KeyUsageFlags,
	Name,
	RelativeDistinguishedName,
	SubjectAlternativeName,
	SubjectKeyIdentifier,
	SubjectPublicKeyInfo,
	TBSCertificate,
	Validity,
	Version,
} from "@peculiar/asn1-x509";
import { pem } from "@peculiar/utils";

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
const ecdsaWithSha256 = new AlgorithmIdentifier({ algorithm: "1.2.840.10045.4.3.2" });

/**
 * Makes a new key (ECDSA, P-256) and a certificate (RFC 5280) for it.
 *
 * @param issuer who signs it; undefined: it signs itself
 */
export async function makePair(content: CertificateContent, now: Date, issuer?: PemPair): Promise<PemPair> {
	const { publicKey, privateKey: key } = await promisify(generateKeyPair)("ec", {
		namedCurve: "P-256",
		publicKeyEncoding: { type: "spki", format: "der" },
		privateKeyEncoding: { type: "pkcs8", format: "pem" },
	});
	const signer = issuer && AsnConvert.parse(pem.decodeFirst(issuer.certificate), Certificate).tbsCertificate;
	const subject = nameOf(content.subject);
	const subjectPublicKeyInfo = AsnConvert.parse(publicKey, SubjectPublicKeyInfo);
	const tbsCertificate = new TBSCertificate({
		version: Version.v3,
		serialNumber: serialNumber(),
		signature: ecdsaWithSha256,
		issuer: signer?.subject ?? subject,
		validity: new Validity({
			// One day back: clocks of those who verify may be behind.
			notBefore: new Date(now.getTime() - day),
			notAfter: new Date(now.getTime() + content.days * day),
		}),
		subject,
		subjectPublicKeyInfo,
		extensions: new Extensions(extensions(content, subjectPublicKeyInfo, signer?.subjectPublicKeyInfo)),
	});
	const toBeSigned = new Uint8Array(AsnConvert.serialize(tbsCertificate));
	const signatureValue = bytesOf(await promisify(sign)("sha256", toBeSigned, issuer?.key ?? key));
	const certificate = new Certificate({ tbsCertificate, signatureAlgorithm: ecdsaWithSha256, signatureValue });
	return { certificate: pem.encode("CERTIFICATE", AsnConvert.serialize(certificate)), key };
}

/** As `Secret.data` takes it. */
export function inBase64({ certificate, key }: PemPair): PemPair {
	const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");
	return { certificate: base64(certificate), key: base64(key) };
}

function extensions(
	{ isAuthority, names }: CertificateContent,
	key: SubjectPublicKeyInfo,
	signerKey: SubjectPublicKeyInfo | undefined,
): Extension[] {
	const extension = (extnID: string, value: object, critical = false) =>
		new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
	const constraints = new BasicConstraints(isAuthority ? { cA: true, pathLenConstraint: 0 } : {});
	const usage = new KeyUsage(isAuthority ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature);
	const alternatives = names.map((dNSName) => new GeneralName({ dNSName }));
	return [
		extension(id_ce_basicConstraints, constraints, true),
		extension(id_ce_keyUsage, usage, true),
		isAuthority
			? extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifier(key)))
			: extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth, id_kp_clientAuth])),
		...(alternatives.length > 0 ? [extension(id_ce_subjectAltName, new SubjectAlternativeName(alternatives))] : []),
		...(signerKey
			? [
					extension(
						id_ce_authorityKeyIdentifier,
						new AuthorityKeyIdentifier({ keyIdentifier: new SubjectKeyIdentifier(keyIdentifier(signerKey)) }),
					),
				]
			: []),
	];
}

function nameOf(text: string): Name {
	const [name = "", ...value] = text.split("=");
	const type = attributes[name];
	if (type === undefined) throw new Error(`${text} is no name that certificates are made with here`);
	const attribute = new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String: value.join("=") }) });
	return new Name([new RelativeDistinguishedName([attribute])]);
}

/** 126 random bits between 01, so that the number is positive and as long as it seems. */
function serialNumber(): ArrayBuffer {
	const bytes = randomBytes(16);
	bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
	return bytesOf(bytes);
}

/** The SHA-1 of the key's bits (RFC 5280, 4.2.1.2): a name, nothing that has to be hard to find. */
function keyIdentifier({ subjectPublicKey }: SubjectPublicKeyInfo): ArrayBuffer {
	return bytesOf(createHash("sha1").update(new Uint8Array(subjectPublicKey)).digest());
}

function bytesOf(buffer: Buffer): ArrayBuffer {
	return new Uint8Array(buffer).buffer;
}
