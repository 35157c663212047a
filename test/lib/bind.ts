import { randomBytes } from "node:crypto";
import { run } from "../../deploy/lib/commands.ts";

/** Who may change and read a zone as a whole (RFC 8945). */
export interface TsigKey {
	readonly name: string;
	readonly algorithm: "hmac-sha256";
	/** Base64. */
	readonly secret: string;
}

export interface BindOptions {
	readonly zone: string;
	readonly key: TsigKey;
	/** Which addresses it listens at, as BIND writes a list of them. */
	readonly addresses: string;
	readonly port: number;
	/** Where it may write, and has the file `zone`. */
	readonly directory: string;
}

export function newKey(): TsigKey {
	return { name: "publisher", algorithm: "hmac-sha256", secret: randomBytes(32).toString("base64") };
}

/**
 * The files of a BIND with one zone that is empty and takes dynamic updates (RFC 2136). That a name is not there may be
 * kept for a second, so that who asked before a record came finds it soon. Pure.
 */
export function bindFiles({ zone, key, addresses, port, directory }: BindOptions) {
	return {
		"named.conf": `key "${key.name}" { algorithm ${key.algorithm}; secret "${key.secret}"; };
options {
	directory "${directory}";
	listen-on port ${port} { ${addresses}; };
	listen-on-v6 { none; };
	pid-file "${directory}/pid";
	session-keyfile "${directory}/session.key";
	recursion no;
	dnssec-validation no;
};
controls {};
zone "${zone}" {
	type primary;
	file "${directory}/zone";
	allow-update { key "${key.name}"; };
	allow-transfer { key "${key.name}"; };
};
`,
		zone: `$TTL 60
@ IN SOA ns.${zone}. hostmaster.${zone}. 1 60 60 60 1
@ IN NS ns.${zone}.
ns IN A 127.0.0.1
`,
	};
}

/** A zone, seen and changed from this machine. */
export function zoneAt({ host, port }: { readonly host: string; readonly port: number }, zone: string, key: TsigKey) {
	return {
		/** Changes the zone as somebody would by hand. @param lines of nsupdate */
		update: async (...lines: readonly string[]): Promise<void> => {
			const signed = `key ${key.algorithm}:${key.name} ${key.secret}`;
			const input = [`server ${host} ${port}`, `zone ${zone}`, signed, ...lines, "send", ""].join("\n");
			await run(["nsupdate"], { input });
		},
		/** What dig says of a name. */
		dig: async (name: string, type: string): Promise<readonly string[]> => {
			const { stdout } = await run(["dig", "+noall", "+answer", "-p", String(port), `@${host}`, name, type]);
			return stdout
				.split("\n")
				.filter((line) => line !== "")
				.map((line) => line.split(/\s+/).join(" "))
				.toSorted();
		},
	};
}

/** Debian packages of nsupdate and dig. */
export const zonePackages = ["bind9-dnsutils"] as const;
