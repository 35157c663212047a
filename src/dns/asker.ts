import { NODATA, NOTFOUND, Resolver } from "node:dns/promises";
import type { DnsAnswer, DnsQuestion } from "../status/dns-published.ts";

/** Asks one question. Never rejects. */
export type Ask = (question: DnsQuestion) => Promise<DnsAnswer>;

/**
 * Asks by DNS itself (not by files such as /etc/hosts).
 *
 * @param servers `ADDRESS` or `ADDRESS:PORT`; empty: those of the machine
 */
export function dnsAsker(servers: readonly string[]): Ask {
	const resolver = new Resolver({ timeout: 3_000, tries: 2 });
	if (servers.length > 0) resolver.setServers(servers);
	return async ({ name, type }) => {
		try {
			return { records: (await resolve(resolver, name, type)).toSorted() };
		} catch (error) {
			const code = error instanceof Error && "code" in error ? error.code : undefined;
			if (code === NOTFOUND || code === NODATA) return { records: [] };
			return { failure: `${String(code ?? error)} from ${resolver.getServers().join(", ")}` };
		}
	};
}

async function resolve(resolver: Resolver, name: string, type: DnsQuestion["type"]): Promise<readonly string[]> {
	const bare = name.replace(/\.$/, "");
	if (type === "A") return await resolver.resolve4(bare);
	if (type === "AAAA") return await resolver.resolve6(bare);
	const records = await resolver.resolveSrv(bare);
	return records.map(
		(srv) => `${srv.priority} ${srv.weight} ${srv.port} ${srv.name.toLowerCase().replace(/\.$/, "")}.`,
	);
}
