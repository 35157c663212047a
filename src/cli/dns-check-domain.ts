import type { Ask } from "../dns/asker.ts";
import { xmppServerPort } from "../model/ports.ts";

export interface FoundHost {
	/** Absent where the domain itself is tried. */
	readonly priority?: number;
	readonly weight?: number;
	readonly host: string;
	readonly port: number;
	readonly addresses: readonly string[];
	/** Why its addresses are not known. */
	readonly failure?: string;
}

export interface DomainCheck {
	readonly domain: string;
	/** What is asked for. */
	readonly name: string;
	/** SRV records that there are. */
	readonly records: number;
	/** Where other servers connect to, in the order in which they try. */
	readonly hosts: readonly FoundHost[];
	/** The domain says that it has no server (RFC 2782, target "."). */
	readonly refuses: boolean;
	/** Why the SRV records are not known. */
	readonly failure?: string;
}

/** Finds the servers of a domain as RFC 6120 section 3.2 has it: SRV records, and the domain itself where it has none. */
export async function checkDomain(domain: string, ask: Ask): Promise<DomainCheck> {
	const name = `_xmpp-server._tcp.${domain}`;
	const answer = await ask({ type: "SRV", name: `${name}.` });
	if ("failure" in answer) return { domain, name, records: 0, hosts: [], refuses: false, failure: answer.failure };
	const records = answer.records.map(parseSrv);
	const refuses = records.length > 0 && records.every(({ host }) => host === "");
	const targets: readonly Target[] =
		records.length === 0 ? [{ host: domain, port: xmppServerPort }] : refuses ? [] : records;
	const hosts: FoundHost[] = [];
	for (const target of targets.toSorted(byPriority))
		hosts.push({ ...target, ...(await addressesOf(target.host, ask)) });
	return { domain, name, records: records.length, hosts, refuses };
}

export function isFound({ hosts }: DomainCheck): boolean {
	return hosts.some(({ addresses }) => addresses.length > 0);
}

function parseSrv(value: string) {
	const [priority, weight, port, host = ""] = value.split(" ");
	return { priority: Number(priority), weight: Number(weight), port: Number(port), host: host.replace(/\.$/, "") };
}

type Target = Omit<FoundHost, "addresses" | "failure">;

/** Lowest priority first; of equal ones the heaviest, which is the likeliest to be tried first. */
function byPriority(a: Target, b: Target): number {
	return (a.priority ?? 0) - (b.priority ?? 0) || (b.weight ?? 0) - (a.weight ?? 0);
}

async function addressesOf(host: string, ask: Ask): Promise<Pick<FoundHost, "addresses" | "failure">> {
	const answers = [await ask({ type: "A", name: `${host}.` }), await ask({ type: "AAAA", name: `${host}.` })];
	const addresses = answers.flatMap((answer) => ("records" in answer ? answer.records : []));
	const failure = answers.flatMap((answer) => ("failure" in answer ? answer.failure : []))[0];
	return { addresses, ...(addresses.length === 0 && failure !== undefined && { failure }) };
}
