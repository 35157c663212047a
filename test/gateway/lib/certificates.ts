// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 needs it for its dependency injection
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const rsa = {
	name: "RSASSA-PKCS1-v1_5",
	hash: "SHA-256",
	modulusLength: 2048,
	publicExponent: new Uint8Array([1, 0, 1]),
} as const;

export interface Pem {
	readonly certificate: string;
	readonly key: string;
}

export interface CertificateOptions {
	/** Two days ago where absent. */
	readonly notBefore?: Date;
	/** In 30 days where absent. */
	readonly notAfter?: Date;
	readonly usages?: readonly x509.ExtendedKeyUsageType[];
	/** Elliptic curves where absent. */
	readonly key?: "RSA";
}

export const serverAuthOnly: readonly x509.ExtendedKeyUsageType[] = [x509.ExtendedKeyUsage.serverAuth];
const bothUsages = [...serverAuthOnly, x509.ExtendedKeyUsage.clientAuth];

/** A certificate authority of the tests. */
export class Authority {
	readonly certificate: string;
	readonly #issuer: x509.X509Certificate;
	readonly #keys: webcrypto.CryptoKeyPair;

	static async create(): Promise<Authority> {
		const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
		const certificate = await x509.X509CertificateGenerator.createSelfSigned({
			name: "CN=Test authority",
			keys,
			signingAlgorithm: algorithm,
			extensions: [
				new x509.BasicConstraintsExtension(true, undefined, true),
				new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
			],
		});
		return new Authority(certificate, keys);
	}

	private constructor(issuer: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
		this.#issuer = issuer;
		this.#keys = keys;
		this.certificate = issuer.toString("pem");
	}

	/** A certificate for the domains, for servers and clients as XMPP servers are both. */
	async issue(domains: readonly string[], options: CertificateOptions = {}): Promise<Pem> {
		return await makeCertificate(domains, options, { issuer: this.#issuer.subject, signingKey: this.#keys.privateKey });
	}
}

/** A certificate that nobody trusts. */
export async function selfSigned(domains: readonly string[]): Promise<Pem> {
	return await makeCertificate(domains, {});
}

async function makeCertificate(
	domains: readonly string[],
	{
		notBefore = new Date(Date.now() - 2 * 86_400_000),
		notAfter = new Date(Date.now() + 30 * 86_400_000),
		usages = bothUsages,
		key: kind,
	}: CertificateOptions = {},
	signer?: { readonly issuer: string; readonly signingKey: webcrypto.CryptoKey },
): Promise<Pem> {
	const own = kind === "RSA" ? rsa : algorithm;
	const keys = await webcrypto.subtle.generateKey(own, true, ["sign", "verify"]);
	const subject = `CN=${domains[0] ?? ""}`;
	const certificate = await x509.X509CertificateGenerator.create({
		subject,
		issuer: signer?.issuer ?? subject,
		notBefore,
		notAfter,
		publicKey: keys.publicKey,
		signingKey: signer?.signingKey ?? keys.privateKey,
		signingAlgorithm: signer ? algorithm : own,
		extensions: [
			new x509.SubjectAlternativeNameExtension(domains.map((value) => ({ type: "dns" as const, value }))),
			new x509.ExtendedKeyUsageExtension([...usages]),
		],
	});
	const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
	return {
		certificate: certificate.toString("pem"),
		key: x509.PemConverter.encode(key, "PRIVATE KEY"),
	};
}
