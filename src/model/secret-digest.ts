import { createHmac } from "node:crypto";

/**
 * HMAC-SHA256 over the named parts of a Secret. The key is random and kept in a Secret of the federation, so the digest
 * may stand in an object that more people read: a guessed weak secret cannot be checked against it.
 *
 * @param key base64, as it stands in `Secret.data`
 * @param parts base64 values by name; a missing part counts as empty
 */
export function secretDigest(key: string, parts: Readonly<Record<string, string>>): string {
	const hmac = createHmac("sha256", Buffer.from(key, "base64"));
	for (const name of Object.keys(parts).toSorted()) {
		const value = Buffer.from(parts[name] ?? "", "base64");
		// The length keeps two parts from being read as one.
		hmac.update(`${name}:${value.length}:`).update(value);
	}
	return hmac.digest("hex");
}
