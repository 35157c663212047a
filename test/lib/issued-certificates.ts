// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 does not load without it
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

const keyAlgorithms = {
	P256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
	P384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
	RSA1024: {
		name: "RSASSA-PKCS1-v1_5",
		modulusLength: 1024,
		publicExponent: new Uint8Array([1, 0, 1]),
		hash: "SHA-256",
	},
	RSA2048: {
		name: "RSASSA-PKCS1-v1_5",
		modulusLength: 2048,
		publicExponent: new Uint8Array([1, 0, 1]),
		hash: "SHA-256",
	},
	RSASHA1: { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-1" },
} as const;

export interface IssueOptions {
	/** Absent: it is signed with its own key. */
	readonly issuer?: Issued;
	readonly subject?: string;
	/** DNS names, and others that RFC 6120 section 13.7.1.2 knows: `SRVName:_xmpp-server.DOMAIN`, `XmppAddr:DOMAIN`. */
	readonly names?: readonly string[];
	readonly notBefore?: Date;
	readonly notAfter?: Date;
	/** What kind of key it has, and signs with. */
	readonly keys?: keyof typeof keyAlgorithms;
	/** Extended key usages; empty: the certificate does not name any. */
	readonly usages?: readonly x509.ExtendedKeyUsageType[];
	/** A certificate of an authority. */
	readonly ca?: boolean;
	/** Where the certificate says that its issuer's is to be had. */
	readonly caIssuers?: string;
}

/** A certificate and its key, PEM, and what is needed to sign others with it. */
export interface Issued {
	readonly certificate: string;
	readonly key: string;
	readonly subject: string;
	readonly signingKey: webcrypto.CryptoKey;
	readonly algorithm: (typeof keyAlgorithms)[keyof typeof keyAlgorithms];
}

const day = 86_400_000;
export const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;

/** Issues a certificate that is whatever a test wants it to be; by default one that nobody objects to. */
export async function issue({
	issuer,
	subject = "CN=example.com",
	names = ["example.com"],
	notBefore = new Date(Date.now() - day),
	notAfter = new Date(Date.now() + 90 * day),
	keys: kind = "P256",
	usages = [serverAuth, clientAuth],
	ca = false,
	caIssuers,
}: IssueOptions = {}): Promise<Issued> {
	const algorithm = keyAlgorithms[kind];
	const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
	const certificate = await x509.X509CertificateGenerator.create({
		subject,
		issuer: issuer?.subject ?? subject,
		notBefore,
		notAfter,
		publicKey: keys.publicKey,
		signingKey: issuer?.signingKey ?? keys.privateKey,
		signingAlgorithm: issuer?.algorithm ?? algorithm,
		extensions: [
			new x509.BasicConstraintsExtension(ca, undefined, true),
			...(ca ? [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)] : []),
			...(!ca && usages.length > 0 ? [new x509.ExtendedKeyUsageExtension([...usages])] : []),
			...(!ca ? [new x509.Extension("2.5.29.17", false, der(0x30, ...names.map(generalName)))] : []),
			...(caIssuers === undefined ? [] : [new x509.AuthorityInfoAccessExtension({ caIssuers })]),
		],
	});
	const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
	return {
		certificate: `${certificate.toString("pem")}\n`,
		key: `${x509.PemConverter.encode(key, "PRIVATE KEY")}\n`,
		subject,
		signingKey: keys.privateKey,
		algorithm,
	};
}

/** Of id-on-xmppAddr and id-on-dnsSRV below 1.3.6.1.5.5.7.8, and the type of text that they have: UTF8String, IA5String. */
const otherNames = {
	XmppAddr: { id: 5, text: 0x0c },
	SRVName: { id: 7, text: 0x16 },
} as const;

/** A GeneralName (RFC 5280 section 4.2.1.6) in DER. */
function generalName(name: string): Buffer {
	const [type, value = ""] = name.split(":");
	if (type !== "XmppAddr" && type !== "SRVName") return der(0x82, Buffer.from(name));
	const { id, text } = otherNames[type];
	const oid = Buffer.from([0x2b, 6, 1, 5, 5, 7, 8, id]);
	return der(0xa0, der(0x06, oid), der(0xa0, der(text, Buffer.from(value))));
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
	const content = Buffer.concat(contents);
	const { length } = content;
	const size = length < 0x80 ? [length] : [0x82, length >> 8, length & 0xff];
	return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
