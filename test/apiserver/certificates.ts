// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 does not load without it
import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A key pair in PEM: PKCS #8 private key; the certificate, or the public key where there is none. */
export interface PemPair {
	readonly key: string;
	readonly certificate: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

const newKeys = () => crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

async function pem(keys: webcrypto.CryptoKeyPair): Promise<string> {
	return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
}

/** A certificate authority and a server certificate for loopback, both valid for a day around now. */
export async function loopbackCertificates(): Promise<{ readonly ca: string; readonly server: PemPair }> {
	const notBefore = new Date(Date.now() - 3_600_000);
	const notAfter = new Date(Date.now() + 86_400_000);
	const authorityKeys = await newKeys();
	const authority = await x509.X509CertificateGenerator.createSelfSigned({
		name: "CN=test control plane",
		notBefore,
		notAfter,
		signingAlgorithm: algorithm,
		keys: authorityKeys,
		extensions: [
			new x509.BasicConstraintsExtension(true, undefined, true),
			new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
		],
	});
	const serverKeys = await newKeys();
	const server = await x509.X509CertificateGenerator.create({
		subject: "CN=kube-apiserver",
		issuer: authority.subject,
		notBefore,
		notAfter,
		signingKey: authorityKeys.privateKey,
		publicKey: serverKeys.publicKey,
		signingAlgorithm: algorithm,
		extensions: [
			new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
			new x509.SubjectAlternativeNameExtension([
				{ type: "ip", value: "127.0.0.1" },
				{ type: "dns", value: "localhost" },
			]),
		],
	});
	return {
		ca: authority.toString("pem"),
		server: { key: await pem(serverKeys), certificate: server.toString("pem") },
	};
}

/** Keys that the API server signs service account tokens with. */
export async function serviceAccountKeys(): Promise<{ readonly private: string; readonly public: string }> {
	const keys = await newKeys();
	const spki = await crypto.subtle.exportKey("spki", keys.publicKey);
	return { private: await pem(keys), public: x509.PemConverter.encode(spki, "PUBLIC KEY") };
}
