import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { cryptoProvider, PemConverter, type X509Certificate } from "@peculiar/x509";

/** A certificate and its private key (PKCS #8), both PEM or, where it says so, PEM in base64. */
export interface PemPair {
	readonly certificate: string;
	readonly key: string;
}

/** What every key that the operator makes is, and how it signs. */
export const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

const day = 24 * 60 * 60 * 1000;

/** Validity from now on, and one day back: clocks of those who verify may be behind. */
export function validity(now: Date, days: number): { readonly notBefore: Date; readonly notAfter: Date } {
	return { notBefore: new Date(now.getTime() - day), notAfter: new Date(now.getTime() + days * day) };
}

/** Makes a new key and the certificate that `sign` gives it. */
export async function makePair(sign: (keys: webcrypto.CryptoKeyPair) => Promise<X509Certificate>): Promise<PemPair> {
	cryptoProvider.set(webcrypto);
	const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
	const certificate = await sign(keys);
	const key = PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
	return { certificate: `${certificate.toString("pem")}\n`, key: `${key}\n` };
}

/** As `Secret.data` takes it. */
export function inBase64({ certificate, key }: PemPair): PemPair {
	const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");
	return { certificate: base64(certificate), key: base64(key) };
}
